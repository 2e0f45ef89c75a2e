"""Image files of any kind in, pictures of predictions out."""

from collections.abc import Sequence
import os
import pathlib
import re
import tempfile
import warnings
import zlib

from jaxtyping import UInt8
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from segjax import data
from segjax.data.datasets import archive, codecs
from segjax.training import pictures

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif")

_LONGEST = 255 - len("_overlay.png")
"""Bytes of a name that a file system takes with our ending."""


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

  What is predicted for it is upright too, as a viewer shows the image. Other
  kinds of pixels become RGB as `codecs.rgb` says.

  Raises:
    ValueError: the file is no image, is damaged, or declares more pixels than
      Pillow's limit against decompression bombs.
  """
  try:
    if path.stat().st_size > archive.LIMIT:
      raise ValueError(f"it has more than {archive.LIMIT} bytes")
    image = codecs.decode(path.read_bytes(), codecs.PICTURES)
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # Of a damaged tag.
      return codecs.rgb(ImageOps.exif_transpose(image))
  except Exception as error:  # Whatever Pillow meets in random bytes.
    raise ValueError(
        f"{path} cannot be read as an image: {error or type(error).__name__}"
    ) from error


def names(paths: Sequence[pathlib.Path]) -> list[str]:
  """A different name for each file: its stem, with folders where two agree.

  They are fit to be written, see `fitting`.
  """
  for depth in range(1, 64):
    made = ["_".join(p.with_suffix("").parts[-depth:]) for p in paths]
    made = [fitting(name.strip("/\\")) for name in made]
    if len(set(made)) == len(made):
      return made
  return [fitting(f"{i:04}_{path.stem}") for i, path in enumerate(paths)]


def fitting(name: str) -> str:
  """A name for a file, on one line and of at most 243 bytes.

  Control characters become "_", bytes that are no UTF-8 "?", and a checksum
  stands for what is too much.
  """
  name = re.sub(r"[\x00-\x1f\x7f]", "_", name)
  encoded = name.encode("utf-8", "replace")
  if len(encoded) > _LONGEST:
    room, check = _LONGEST - 9, zlib.crc32(os.fsencode(name))
    return f"{encoded[:room].decode('utf-8', 'ignore')}~{check:08x}"
  return encoded.decode()


def save(picture: Image.Image, path: pathlib.Path) -> None:
  """Writes a PNG whole or not at all, and makes its folder."""
  path.parent.mkdir(parents=True, exist_ok=True)
  handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
  try:
    with os.fdopen(handle, "wb") as file:
      picture.save(file, format="PNG")
    os.chmod(name, 0o644)
    os.replace(name, path)
  except BaseException:
    os.unlink(name)
    raise


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
