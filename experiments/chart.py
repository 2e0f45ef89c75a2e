"""A picture of our time over a peer's, as SVG."""

from collections.abc import Mapping
from html import escape
import math
from typing import Any

from experiments import performance

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
  ticks = _ticks(min(ratios), max(ratios))
  shapes, y = _legend(), 48
  for title, rows in groups.items():
    shapes.append(_text(8, y + 20, title, weight="bold"))
    y += _TITLE
    top = y
    for name, bars in rows:
      height = _BAR * len(bars)
      shapes.append(_text(_LEFT - 8, y + height / 2 + 4, name, anchor="end"))
      for kind, ratio in bars.items():
        shapes += _bar(y, kind, ratio, ticks)
        y += _BAR
      y += 7
    shapes = _grid(top - 4, y - 3, ticks) + shapes
    y += 16
  width = _LEFT + _WIDTH + _RIGHT
  return "\n".join(
      (
          f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}"'
          f' height="{y}" viewBox="0 0 {width} {y}"'
          ' font-family="sans-serif" font-size="12">',
          f'<rect width="{width}" height="{y}" fill="white"/>',
          *shapes,
          "</svg>\n",
      )
  )


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


def _ticks(least: float, most: float) -> tuple[float, ...]:
  """From the last at or below all ratios, and 1, to the first above them."""
  first = max([t for t in _TICKS if t <= min(least, 0.5)], default=_TICKS[0])
  last = min([t for t in _TICKS if t >= max(most, 2)], default=_TICKS[-1])
  return tuple(t for t in _TICKS if first <= t <= last)


def _x(ratio: float, ticks: tuple[float, ...]) -> float:
  """A place on the axis, whose ends nothing passes."""
  ratio = min(max(ratio, ticks[0]), ticks[-1])
  share = math.log(ratio / ticks[0]) / math.log(ticks[-1] / ticks[0])
  return round(_LEFT + _WIDTH * share, 1)


def _bar(y: float, kind: str, ratio: float, ticks) -> list[str]:
  one, end = _x(1, ticks), _x(ratio, ticks)
  left, width = min(one, end), max(abs(end - one), 1)
  return [
      f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{_BAR - 2}"'
      f' fill="{_COLOURS[kind]}"/>',
      _text(max(one, end) + 5, y + _BAR - 3, f"{ratio:.2f}", size=10),
  ]


def _grid(top: float, bottom: float, ticks) -> list[str]:
  shapes = []
  for tick in ticks:
    x, colour = _x(tick, ticks), "#444" if tick == 1 else "#ccc"
    shapes += [
        f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" stroke="{colour}"/>',
        _text(x, bottom + 11, f"{tick:g}", anchor="middle", size=10),
    ]
  return shapes


def _legend() -> list[str]:
  shapes = [_text(8, 18, "our time / PyTorch's: left of 1 we are faster")]
  for i, (kind, colour) in enumerate(_COLOURS.items()):
    x = _LEFT + 120 + 120 * i
    shapes += [
        f'<rect x="{x}" y="8" width="12" height="12" fill="{colour}"/>',
        _text(x + 18, 18, kind),
    ]
  return shapes


def _text(x, y, text, *, anchor="start", size=12, weight="normal") -> str:
  return (
      f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}"'
      f' font-weight="{weight}">{escape(text)}</text>'
  )
