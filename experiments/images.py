"""Image files of any kind in, pictures of predictions out."""

from collections.abc import Sequence
import os
import pathlib

from jaxtyping import UInt8
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from segjax import data
from segjax.training import pictures

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif")


def find(paths: Sequence[str | os.PathLike[str]]) -> list[pathlib.Path]:
  """The files named, and all images below the folders named, in order.

  Raises:
    FileNotFoundError: a path does not exist, or a folder holds no image.
  """
  found = []
  for path in map(pathlib.Path, paths):
    if path.is_dir():
      inside = sorted(
          p
          for p in path.rglob("*")
          if p.suffix.lower() in SUFFIXES and p.is_file()
      )
      if not inside:
        raise FileNotFoundError(
            f"the folder {path} has no image ({', '.join(SUFFIXES)})"
        )
      found += inside
    elif path.is_file():
      found.append(path)
    else:
      raise FileNotFoundError(f"there is no image file or folder {path}")
  return found


def read(path: pathlib.Path) -> UInt8[np.ndarray, "h w 3"]:
  """An image file as RGB, upright by its EXIF tag; of several frames the first.

  Sixteen-bit greys are brought to eight; transparent pixels show their colour.

  Raises:
    ValueError: the file is no image, is damaged, or declares more pixels than
      Pillow's limit against decompression bombs.
  """
  try:
    with Image.open(path) as image:
      image = ImageOps.exif_transpose(image)
      if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64)
        grey = grey >> 8 if grey.max() > 255 else grey
        image = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
      return np.array(image.convert("RGB"))
  except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as e:
    raise ValueError(f"{path} cannot be read as an image: {e}") from e


def names(paths: Sequence[pathlib.Path]) -> list[str]:
  """A different name for each file: its stem, with folders where two agree."""
  for depth in range(1, 64):
    made = ["_".join(p.with_suffix("").parts[-depth:]) for p in paths]
    if len(set(made)) == len(made):
      return [name.strip("/\\") for name in made]
  return [f"{i:04}_{path.stem}" for i, path in enumerate(paths)]


def mask(label: UInt8[np.ndarray, "h w"], labels: data.LabelSet) -> Image.Image:
  """Train ids as a palette picture, which looks as the data set's masks do."""
  picture = Image.fromarray(label, mode="P")
  picture.putpalette(labels.colours().tobytes())
  return picture


def overlay(
    image: UInt8[np.ndarray, "h w 3"],
    label: UInt8[np.ndarray, "h w"],
    labels: data.LabelSet,
    *,
    opacity: float = 0.55,
) -> UInt8[np.ndarray, "h w 3"]:
  """The image under the colours of its classes; void stays as it is."""
  mixed = pictures.overlay(image, labels.colours()[label], opacity)
  return np.where((label == data.VOID)[..., None], image, mixed)


def with_legend(
    panels: Sequence[UInt8[np.ndarray, "h w 3"]],
    label: UInt8[np.ndarray, "h w"],
    labels: data.LabelSet,
) -> Image.Image:
  """Pictures of one size side by side, and the classes that occur, by area."""
  height, width = label.shape
  unit = max(10, min(height // 16, 28))
  font = ImageFont.load_default(size=unit)
  counts = np.bincount(label.ravel(), minlength=256)[: len(labels)]
  present = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
  lines = [
      f"{labels.names[i]}  {100 * counts[i] / label.size:.1f} %"
      for i in present
  ]
  room = max((font.getlength(line) for line in lines), default=0)
  row = round(unit * 1.5)
  sheet = Image.new(
      "RGB",
      (
          width * len(panels) + 3 * unit + round(room),
          max(height, row * (len(lines) + 1)),
      ),
      "white",
  )
  for i, picture in enumerate(panels):
    sheet.paste(Image.fromarray(picture), (i * width, 0))
  draw = ImageDraw.Draw(sheet)
  left = width * len(panels) + unit // 2
  for i, (index, line) in enumerate(zip(present, lines)):
    top = row * i + unit // 2
    box = (left, top, left + unit, top + unit)
    draw.rectangle(box, fill=labels.palette[index], outline="black")
    draw.text((left + 1.5 * unit, top), line, fill="black", font=font)
  return sheet
