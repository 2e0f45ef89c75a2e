"""Contact sheets: rows of pictures with captions and a legend."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
from jaxtyping import UInt8
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from experiments import images
from segjax import data

_GAP = 6  # Between pictures, in pixels.
_LINE = 18  # Of text.

Example = dict[str, Any]
Row = tuple[str, list[UInt8[np.ndarray, "h w 3"]], set[int]]
"""Caption, pictures, and the labels in them."""


def row(
    example: Example,
    index: int,
    labels: data.LabelSet,
    augment: Callable[[np.random.Generator, Example], Example] | None = None,
    samples: int = 0,
    seed: int = 0,
) -> Row:
  """An example, its labels, and so many augmented samples of it."""
  image, label = example["image"], example["label"]
  pictures = [image, images.overlay(image, label, labels)]
  if augment is not None:
    for k in range(samples):
      rng = np.random.default_rng((seed, index, k))
      drawn = augment(rng, example)
      pictures.append(images.overlay(drawn["image"], drawn["label"], labels))
  height, width = label.shape
  caption = f"{index}: {example['id']}, {height} x {width}"
  return caption, pictures, set(np.unique(label).tolist())


def sheet(
    rows: Sequence[Row], labels: data.LabelSet, height: int
) -> Image.Image:
  """Rows of pictures of one height, with captions, and a legend below."""
  font = ImageFont.load_default(size=12)
  scaled = [
      [_to_height(p, height) for p in pictures] for _, pictures, _ in rows
  ]
  width = max(sum(p.shape[1] + _GAP for p in pictures) for pictures in scaled)
  width = max(width + _GAP, 320)
  present = sorted(set().union(*(classes for _, _, classes in rows)))
  legend = list(_legend(present, labels, font, width))
  depth = legend[-1][1] + _LINE if legend else 0
  row_height = _LINE + height + _GAP
  page = Image.new("RGB", (width, row_height * len(rows) + depth), "white")
  draw = ImageDraw.Draw(page)
  for i, ((caption, _, _), pictures) in enumerate(zip(rows, scaled)):
    top, left = i * row_height, _GAP
    draw.text((left, top + 2), caption, fill="black", font=font)
    for picture in pictures:
      page.paste(Image.fromarray(picture), (left, top + _LINE))
      left += picture.shape[1] + _GAP
  for left, top, name, colour in legend:
    top += row_height * len(rows)
    box = (left, top + 3, left + 12, top + 15)
    draw.rectangle(box, fill=colour, outline="black")
    draw.text((left + 16, top + 2), name, fill="black", font=font)
  return page


def _legend(
    present: Sequence[int],
    labels: data.LabelSet,
    font: ImageFont.ImageFont,
    width: int,
) -> Iterator[tuple[int, int, str, tuple[int, int, int] | str]]:
  """Left, top, name and colour of each entry; lines end at `width`."""
  left, top = _GAP, 0
  for value in present:
    known = value < len(labels)
    name = labels.names[value] if known else "not labelled, as it is"
    room = 16 + round(font.getlength(name)) + 2 * _GAP
    if left + room > width and left > _GAP:
      left, top = _GAP, top + _LINE
    yield left, top, name, labels.palette[value] if known else "white"
    left += room


def _to_height(
    picture: UInt8[np.ndarray, "h w 3"], height: int
) -> UInt8[np.ndarray, "height _ 3"]:
  width = max(1, round(picture.shape[1] * height / picture.shape[0]))
  shrinks = height < picture.shape[0]
  method = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
  return cv2.resize(picture, (width, height), interpolation=method)
