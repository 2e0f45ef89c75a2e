"""Shapes and axes of our pictures, as SVG."""

from collections.abc import Iterable, Sequence
import dataclasses
from html import escape
import math

GRID = "#ddd"
INK = "#444"
_SIZE = 11
"""Pixels of the letters on axes."""


@dataclasses.dataclass(frozen=True)
class Scale:
  """A direction of an axis, from its first tick to its last.

  Attributes:
    ticks: ascending, two or more; positive if `log`.
    log: whether equal factors are equally far apart.
  """

  ticks: Sequence[float]
  log: bool = False

  def share(self, value: float) -> float:
    """Its place between the ends, 0 to 1; nothing passes these."""
    value = min(max(value, self.ticks[0]), self.ticks[-1])
    if self.log:
      ratio = math.log(value / self.ticks[0])
      return ratio / math.log(self.ticks[-1] / self.ticks[0])
    return (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])


def around(values: Iterable[float], *, log: bool = False) -> Scale:
  """A scale with round ticks that encloses some values.

  Raises:
    ValueError: there are none, or one is not positive and `log` is set.
  """
  values = list(values)
  if not values or (log and min(values) <= 0):
    raise ValueError(f"no scale with log={log} encloses {values}")
  low, high = min(values), max(values)
  if log:
    return Scale(_factors(low, high), log=True)
  step = _round_up((high - low or abs(high) or 1) / 6)
  first, last = math.floor(low / step), math.ceil(high / step)
  last = max(last, first + 1)
  return Scale([round(i * step, 9) for i in range(first, last + 1)])


@dataclasses.dataclass(frozen=True)
class Axes:
  """A box of the picture, in pixels, and what its sides measure."""

  left: float
  top: float
  width: float
  height: float
  x: Scale
  y: Scale

  def at(self, x: float, y: float) -> tuple[float, float]:
    """The pixel of a point."""
    return (
        round(self.left + self.width * self.x.share(x), 1),
        round(self.top + self.height * (1 - self.y.share(y)), 1),
    )

  def grid(self, x_title: str, y_title: str) -> list[str]:
    """Lines at the ticks, their numbers, and what they count."""
    right, bottom = self.left + self.width, self.top + self.height
    shapes = []
    for tick in self.x.ticks:
      x, _ = self.at(tick, self.y.ticks[0])
      shapes.append(line(x, self.top, x, bottom, GRID))
      number = text(x, bottom + 15, f"{tick:g}", anchor="middle", size=_SIZE)
      shapes.append(number)
    for tick in self.y.ticks:
      _, y = self.at(self.x.ticks[0], tick)
      shapes.append(line(self.left, y, right, y, GRID))
      number = text(self.left - 6, y + 4, f"{tick:g}", anchor="end", size=_SIZE)
      shapes.append(number)
    middle = self.left + self.width / 2
    return [
        *shapes,
        text(middle, bottom + 32, x_title, anchor="middle"),
        text(self.left - 30, self.top - 10, y_title),
    ]


def document(width: float, height: float, shapes: Iterable[str]) -> str:
  """The file."""
  return "\n".join(
      (
          f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}"'
          f' height="{height}" viewBox="0 0 {width} {height}"'
          ' font-family="sans-serif" font-size="12">',
          f'<rect width="{width}" height="{height}" fill="white"/>',
          *shapes,
          "</svg>\n",
      )
  )


def text(
    x, y, words, *, anchor="start", size=12, weight="normal", fill="", turn=0
) -> str:
  """Words on a line whose foot is at `y`, turned by degrees around there."""
  colour = f' fill="{fill}"' if fill else ""
  turned = f' transform="rotate({turn} {x} {y})"' if turn else ""
  return (
      f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}"'
      f' font-weight="{weight}"{colour}{turned}>{escape(words)}</text>'
  )


def text_width(words: str, size: float) -> float:
  """About how many pixels wide the words are in a sans-serif type."""
  return 0.6 * size * len(words)


def line(x1, y1, x2, y2, colour: str) -> str:
  """A line of one pixel."""
  return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"/>'


def rect(x, y, width, height, fill: str) -> str:
  """A filled box."""
  return (
      f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}"/>'
  )


def circle(x, y, radius, fill: str) -> str:
  """A filled disc."""
  return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}"/>'


def polyline(
    points: Iterable[tuple[float, float]], colour: str, dash=""
) -> str:
  """Lines from point to point."""
  places = " ".join(f"{x},{y}" for x, y in points)
  dashes = f' stroke-dasharray="{dash}"' if dash else ""
  return (
      f'<polyline points="{places}" fill="none" stroke="{colour}"'
      f' stroke-width="1.5"{dashes}/>'
  )


def _factors(low: float, high: float) -> list[float]:
  """1, 2, 5, 10... (or powers of ten if it is far) around both."""
  far = math.log10(high / low) > 3
  first, last = math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1
  steps = (1,) if far else (1, 2, 5)
  ticks = [m * 10.0**e for e in range(first, last + 1) for m in steps]
  start = max(i for i, tick in enumerate(ticks) if tick <= low * (1 + 1e-9))
  end = min(i for i, tick in enumerate(ticks) if tick >= high * (1 - 1e-9))
  return ticks[start : max(end, start + 1) + 1]


def _round_up(step: float) -> float:
  """The next of 1, 2, 5, 10, 20..."""
  power = 10.0 ** math.floor(math.log10(step))
  return next(m * power for m in (1, 2, 5, 10) if m * power >= step * 0.999)
