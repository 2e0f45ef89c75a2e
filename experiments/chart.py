"""A picture of our time over a peer's, as SVG."""

from collections.abc import Mapping
from typing import Any

from experiments import performance, svg

_COLOURS = {"inference": "#3b6fb6", "training step": "#d9822b"}
_LEFT, _WIDTH, _RIGHT = 250, 440, 60
"""Pixels of the names, of the bars and of the numbers behind them."""
_BAR, _TITLE = 13, 34
_TICKS = (0.125, 0.25, 0.5, 1, 2, 4, 8)


def picture(results: Mapping[str, Mapping[str, Any]]) -> str | None:
  """Bars of all ratios, a group for each file of `performance.results`.

  They begin at 1, where both are as fast: to the left we are faster. The axis
  is logarithmic. None where nothing has a peer.
  """
  groups = {
      f"{name}: {performance.device(found)}": _ratios(found)
      for name, found in results.items()
  }
  groups = {name: rows for name, rows in groups.items() if rows}
  if not groups:
    return None
  ratios = [
      x for rows in groups.values() for _, bars in rows for x in bars.values()
  ]
  scale = _scale(min(ratios), max(ratios))
  shapes, y = _legend(), 48
  for title, rows in groups.items():
    shapes.append(svg.text(8, y + 20, title, weight="bold"))
    y += _TITLE
    top = y
    for name, bars in rows:
      height = _BAR * len(bars)
      shapes.append(svg.text(_LEFT - 8, y + height / 2 + 4, name, anchor="end"))
      for kind, ratio in bars.items():
        shapes += _bar(y, kind, ratio, scale)
        y += _BAR
      y += 7
    shapes = _grid(top - 4, y - 3, scale) + shapes
    y += 16
  width = _LEFT + _WIDTH + _RIGHT
  return svg.document(width, y, shapes)


def _ratios(found: Mapping[str, Any]) -> list[tuple[str, dict[str, float]]]:
  """(network, {kind: ratio}) for those that have any."""
  rows = []
  for one in found["models"]:
    peers = {
        "inference": one.get("peer", {}),
        "training step": one.get("train", {}).get("peer", {}),
    }
    bars = {k: peer["ratio"] for k, peer in peers.items() if "ratio" in peer}
    if bars:
      rows.append((one["name"], bars))
  return rows


def _scale(least: float, most: float) -> svg.Scale:
  """From the last tick at or below all ratios, and 1, to the first above them."""
  first = max([t for t in _TICKS if t <= min(least, 0.5)], default=_TICKS[0])
  last = min([t for t in _TICKS if t >= max(most, 2)], default=_TICKS[-1])
  return svg.Scale([t for t in _TICKS if first <= t <= last], log=True)


def _x(ratio: float, scale: svg.Scale) -> float:
  return round(_LEFT + _WIDTH * scale.share(ratio), 1)


def _bar(y: float, kind: str, ratio: float, scale: svg.Scale) -> list[str]:
  one, end = _x(1, scale), _x(ratio, scale)
  left, width = min(one, end), max(abs(end - one), 1)
  return [
      svg.rect(left, y, f"{width:.1f}", _BAR - 2, _COLOURS[kind]),
      svg.text(max(one, end) + 5, y + _BAR - 3, f"{ratio:.2f}", size=10),
  ]


def _grid(top: float, bottom: float, scale: svg.Scale) -> list[str]:
  shapes = []
  for tick in scale.ticks:
    x, colour = _x(tick, scale), "#444" if tick == 1 else "#ccc"
    shapes += [
        svg.line(x, top, x, bottom, colour),
        svg.text(x, bottom + 11, f"{tick:g}", anchor="middle", size=10),
    ]
  return shapes


def _legend() -> list[str]:
  shapes = [svg.text(8, 18, "our time / PyTorch's: left of 1 we are faster")]
  for i, (kind, colour) in enumerate(_COLOURS.items()):
    x = _LEFT + 120 + 120 * i
    shapes += [
        svg.rect(x, 8, 12, 12, colour),
        svg.text(x + 18, 18, kind),
    ]
  return shapes
