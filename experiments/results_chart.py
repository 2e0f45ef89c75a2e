"""Pictures of a table of results: what a score costs, curves, classes."""

from collections.abc import Iterable, Mapping, Sequence
import itertools
from typing import Any

from experiments import results_data, svg

_WIDTH = 720
_LEFT, _RIGHT = 52, 24
_NAMES = 150
"""Pixels of the names behind curves and before the classes."""
_COLOURS = (
    *("#1f5fa8", "#d1711a", "#2f8f3e", "#b8322f", "#7a57b0"),
    *("#7d5546", "#c255a0", "#5c6166", "#8f8f14", "#1598ab"),
)
_DASHES = ("", "6,3", "2,3")
_GAP = 13
"""Pixels between names that would lie upon each other."""
_PARTS = 24
"""A loss is drawn as its means over so many parts of the run."""


def pictures(
    found: Mapping[str, Mapping[str, Any]], order: Iterable[str] = ()
) -> dict[str, tuple[str, str]]:
  """What there is to draw of a table: name -> (what it shows, SVG).

  Args:
    found: the table's files by their names.
    order: names of rows, those that come first.
  """
  lines = results_data.lines(found, order)
  made = {
      "cost": ("mIoU over operations and minutes of training", cost(lines)),
      "curves": ("mIoU and loss while training", curves(lines)),
      "classes": ("IoU of each class", classes(lines)),
  }
  return {k: (alt, text) for k, (alt, text) in made.items() if text}


def cost(lines: Sequence[results_data.Line]) -> str | None:
  """Scores over GFLOPs and over minutes; None with fewer than three points."""
  scores = {x.name: x.mean("evaluations", x.main, "miou") for x in lines}
  titles = {
      "GFLOPs of one image, logarithmic": ("gflops", 1),
      "minutes of training, logarithmic": ("seconds", 60),
  }
  shapes: list[str] = []
  top, height = 46, 250
  labels = _labels(lines)
  for title, (key, unit) in titles.items():
    points = {
        i: (x.mean(key) / unit, 100 * scores[x.name])
        for i, x in enumerate(lines)
        if scores[x.name] is not None and x.mean(key)
    }
    if len(points) < 3:
      continue
    axes = svg.Axes(
        _LEFT,
        top,
        _WIDTH - _LEFT - _RIGHT,
        height,
        svg.around((x for x, _ in points.values()), log=True),
        svg.around(
            100 * y
            for i in points
            for y in lines[i].figures(lines[i].main, "miou")
        ),
    )
    shapes += axes.grid(title, "mIoU, %")
    for i, (x, _) in points.items():
      figures = lines[i].figures(lines[i].main, "miou")
      ends = [axes.at(x, 100 * f) for f in (min(figures), max(figures))]
      if len(figures) > 1:
        shapes.append(svg.line(*ends[0], *ends[1], _style(i)[0]))
    shapes += _named_points(axes, points, labels)
    top += height + 80
  return svg.document(_WIDTH, top - 34, shapes) if shapes else None


def curves(lines: Sequence[results_data.Line]) -> str | None:
  """Scores and losses by step; None with fewer than two runs that have."""
  shapes: list[str] = []
  top, height = 46, 300
  labels = _labels(lines)
  for key, title, factor in (
      ("eval/miou", "mIoU of the evaluation while training, %", 100),
      (
          "loss",
          f"training loss, logarithmic, means over {_PARTS} parts of a run",
          1,
      ),
  ):
    drawn = {
        i: [
            [(s, factor * v) for s, v in _smooth(key, run["curves"][key])]
            for run in line.runs
            if run["curves"].get(key)
        ]
        for i, line in enumerate(lines)
    }
    drawn = {i: many for i, many in drawn.items() if many}
    if len(drawn) < 2:
      continue
    every = [p for many in drawn.values() for one in many for p in one]
    least = min(y for _, y in every)
    axes = svg.Axes(
        _LEFT,
        top,
        _WIDTH - _LEFT - _NAMES,
        height,
        svg.around([0, *(x for x, _ in every)]),
        svg.around((y for _, y in every), log=key == "loss" and least > 0),
    )
    shapes += axes.grid("step", title)
    ends = {}
    for i, many in drawn.items():
      for one in many:
        points = [axes.at(*point) for point in one]
        shapes.append(svg.polyline(points, *_style(i)))
      last = sorted((one[-1] for one in many), key=lambda point: point[1])
      ends[i] = axes.at(*last[len(last) // 2])
    shapes += _named_ends(axes, ends, labels)
    top += height + 80
  return svg.document(_WIDTH, top - 34, shapes) if shapes else None


def classes(lines: Sequence[results_data.Line]) -> str | None:
  """IoU of each class as colours; None of two networks or too many classes."""
  lines = [line for line in lines if line.classes()]
  names = list(dict.fromkeys(c for line in lines for c in line.classes()))
  if len(lines) < 3 or not 3 <= len(names) <= 12:
    return None
  labels = _labels(lines)
  width, height, top = (_WIDTH - _NAMES - 36) // len(names), 22, 84
  shapes = [svg.text(8, 20, "IoU, %", weight="bold")]
  for j, name in enumerate(names):
    x = _NAMES + width * j + width / 2
    shapes.append(svg.text(x, top - 8, name, size=11, turn=-40))
  for i, line in enumerate(lines):
    y = top + height * i
    name = svg.text(_NAMES - 8, y + 15, labels[i], anchor="end", size=11)
    shapes.append(name)
    for j, name in enumerate(names):
      share = line.mean("evaluations", line.main, "iou", name)
      if share is not None:
        x, number = _NAMES + width * j, f"{100 * share:.1f}"
        shapes += [
            svg.rect(x, y, width - 1, height - 1, _shade(share)),
            svg.text(
                x + (width - 1) / 2,
                y + 15,
                number,
                anchor="middle",
                size=11,
                fill="white" if share > 0.55 else "",
            ),
        ]
  return svg.document(_WIDTH, top + height * len(lines) + 8, shapes)


def _labels(lines: Sequence[results_data.Line]) -> list[str]:
  """The networks; with the begin of the size where two have the same name."""
  names = [line.network for line in lines]
  return [
      name
      if names.count(name) == 1
      else f"{name} ({line.runs[0]['size'].partition(',')[0]})"
      for name, line in zip(names, lines)
  ]


def _style(i: int) -> tuple[str, str]:
  """Colour and dashes of the i-th line."""
  turn, place = divmod(i, len(_COLOURS))
  return _COLOURS[place], _DASHES[turn % len(_DASHES)]


def _smooth(
    key: str, curve: Sequence[Sequence[float]]
) -> list[tuple[float, float]]:
  """A loss as its means over `_PARTS` parts, at their last steps."""
  size = -(-len(curve) // _PARTS) if key == "loss" else 1
  parts = (curve[i : i + size] for i in range(0, len(curve), size))
  return [(p[-1][0], sum(v for _, v in p) / len(p)) for p in parts]


def _shade(share: float) -> str:
  """White for 0 to dark blue for 1."""
  dark = (16, 62, 120)
  return "#" + "".join(
      f"{round(255 + (c - 255) * min(max(share, 0), 1)):02x}" for c in dark
  )


def _named_points(
    axes: svg.Axes,
    points: Mapping[int, tuple[float, float]],
    labels: Sequence[str],
) -> list[str]:
  """Dots, and names around them that lie upon nothing."""
  places = {i: axes.at(*point) for i, point in points.items()}
  taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in places.values()]
  shapes = []
  for i, (x, y) in sorted(places.items(), key=lambda item: item[1][1]):
    width = svg.text_width(labels[i], 11)
    boxes = [
        _box(x, y, width, side, dy, away)
        for away, dy, side in itertools.product(
            (8, 22, 36, 60, 90), (0, -13, 13, -26, 26, -40, 40), (1, -1)
        )
    ]
    box = min(boxes, key=lambda b: _cost(b, (x, y), taken, axes))
    taken.append(box)
    colour, _ = _style(i)
    near = (box[0] if box[0] > x else box[2], (box[1] + box[3]) / 2)
    if abs(near[0] - x) + abs(near[1] - y) > 16:
      shapes.append(svg.line(x, y, near[0], near[1], svg.INK))
    shapes.append(svg.circle(x, y, 4.5, colour))
    right = box[0] > x
    shapes.append(
        svg.text(
            round(box[0] if right else box[2], 1),
            round(box[3] - 3, 1),
            labels[i],
            anchor="start" if right else "end",
            size=11,
        )
    )
  return shapes


def _box(x, y, width, side, dy, away) -> tuple[float, float, float, float]:
  left = x + away if side > 0 else x - away - width
  return left, y + dy - 7, left + width, y + dy + 7


def _cost(box, point, taken, axes) -> float:
  """How bad a name's place is: upon something, outside, far from its dot."""
  left, top, right, bottom = box
  upon = sum(
      left < other[2]
      and right > other[0]
      and top < other[3]
      and bottom > other[1]
      for other in taken
  )
  outside = (
      left < axes.left
      or right > axes.left + axes.width + _RIGHT
      or top < axes.top - 8
      or bottom > axes.top + axes.height + 8
  )
  x, y = point
  far = max(left - x, x - right) + abs((top + bottom) / 2 - y)
  return 1000 * outside + 500 * upon + far + (right < x)


def _named_ends(
    axes: svg.Axes,
    ends: Mapping[int, tuple[float, float]],
    labels: Sequence[str],
) -> list[str]:
  """Names at the ends of curves, parted where the ends are close."""
  order = sorted(ends, key=lambda i: (ends[i][1], i))
  heights: list[float] = []
  for i in order:
    least = heights[-1] + _GAP if heights else axes.top
    heights.append(max(ends[i][1], least))
  limit = axes.top + axes.height
  for n in reversed(range(len(heights))):
    heights[n] = min(heights[n], limit)
    limit = heights[n] - _GAP
  shapes = []
  for i, y in zip(order, heights):
    colour, _ = _style(i)
    x = axes.left + axes.width
    shapes.append(svg.line(*ends[i], x + 10, round(y, 1), colour))
    y = round(y + 4, 1)
    shapes.append(svg.text(x + 13, y, labels[i], size=11, fill=colour))
  return shapes
