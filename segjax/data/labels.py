"""What the numbers in a label map mean."""

from collections.abc import Mapping
import dataclasses
import re

import numpy as np

from segjax import types

VOID = types.VOID
Colour = tuple[int, int, int]
_VOID_NAMES = ("void", "unlabeled", "unlabelled", "unknown", "ignore")
_COLOUR = r"(\d+)\s+(\d+)\s+(\d+)"


@dataclasses.dataclass(frozen=True)
class LabelSet:
  """The classes of a data set: train id i has names[i] and palette[i].

  Attributes:
    names: one per class, all different; at most 255, as 255 is void.
    palette: an RGB colour per class, 0 to 255 each.

  Raises:
    ValueError: if names and palette do not fit together.
  """

  names: tuple[str, ...]
  palette: tuple[Colour, ...]

  def __post_init__(self):
    if not 1 <= len(self.names) <= VOID:
      raise ValueError(
          f"A label set has 1 to {VOID} classes, not {len(self.names)}."
      )
    if len(set(self.names)) != len(self.names):
      raise ValueError(f"Class names must differ: {', '.join(self.names)}.")
    if len(self.palette) != len(self.names):
      raise ValueError(
          f"{len(self.names)} names need as many colours, "
          f"not {len(self.palette)}."
      )

  def __len__(self) -> int:
    return len(self.names)

  def colours(self) -> np.ndarray:
    """RGB of every value a label can have, uint8 (256, 3); unused is black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(self)] = self.palette
    return table


@dataclasses.dataclass(frozen=True)
class ClassTable:
  """Classes, and what stands for them in the files of a data set.

  Attributes:
    labels: the classes in the order of the train ids.
    ids: {value of a pixel: train id or 255}.
    colours: {RGB of a pixel: train id or 255}, or None without colours.
  """

  labels: LabelSet
  ids: Mapping[int, int]
  colours: Mapping[Colour, int] | None


def parse_classes(text: str, where: str = "class table") -> ClassTable:
  """Reads a table of classes, a line each, in the order of the train ids.

  A line is `name`, `name R G B` or `R G B name` (as CamVid's
  label_colors.txt), with commas or blanks between; before it may stand `7:`,
  the value of the class in the label maps, else the lines count from 0. A
  class called void, unlabeled, unknown or ignore is none: its pixels become
  255, as those of value 255 do unless a class has that value. Empty lines,
  those that begin with # and a heading "name,r,g,b" are skipped. Without
  colours the palette is VOC's.

  Raises:
    ValueError: naming `where` and the line that does not fit.
  """
  names, palette, ids, colours, kinds = [], [], {}, {}, set()
  for number, line in enumerate(text.splitlines(), start=1):
    line = " ".join(line.replace(",", " ").split())
    if not line or line[0] == "#" or line.lower() == "name r g b":
      continue
    value, name, colour = _parse_class(line)
    kinds.add((value is None, colour is None))
    value = len(ids) if value is None else value
    wrong = (
        "a class has no name" * (not name)
        or "label values and colours are 0 to 255"
        * (max(value, *(colour or (0,))) > VOID)
        or f"the value {value} is there twice" * (value in ids)
        or f"the colour {colour} is there twice" * (colour in colours)
        or "either every line has a value or none, and so colours"
        * (len(kinds) > 1)
    )
    if wrong:
      raise ValueError(f"{where}, line {number} ({line!r}): {wrong}.")
    train_id = VOID if name.lower() in _VOID_NAMES else len(names)
    if train_id != VOID:
      names.append(name)
      palette.append(colour)
    ids[value] = train_id
    if colour:
      colours[colour] = train_id
  try:
    palette = tuple(palette) if colours else colour_map(len(names))
    label_set = LabelSet(tuple(names), palette)
  except ValueError as error:
    raise ValueError(f"{where}: {error}") from error
  return ClassTable(label_set, {VOID: VOID} | ids, colours or None)


def _parse_class(line: str) -> tuple[int | None, str, Colour | None]:
  """Value, name and colour of a line."""
  value = re.match(r"(\d+)\s*:\s*", line)
  rest = line[value.end() :] if value else line
  before = re.fullmatch(rf"{_COLOUR}\s+(.*)", rest)
  after = re.fullmatch(rf"(.*?)\s+{_COLOUR}", rest)
  colour = None
  if before:
    *colour, rest = before.groups()
  elif after:
    rest, *colour = after.groups()
  colour = colour and tuple(int(c) for c in colour)
  return int(value[1]) if value else None, rest, colour


def colour_map(size: int) -> tuple[Colour, ...]:
  """VOC's palette: the bits of the label, dealt in turn to R, G and B.

  The function VOClabelcolormap of the VOC development kit.
  """
  colours = np.zeros((size, 3), np.uint8)
  for bit in range(8):
    dealt = np.arange(size) >> bit & 1
    colours[:, bit % 3] |= (dealt << 7 - bit // 3).astype(np.uint8)
  return tuple(tuple(colour) for colour in colours.tolist())
