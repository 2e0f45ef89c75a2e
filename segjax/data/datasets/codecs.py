"""Decodes the images and label maps of downloads; damage is one ValueError."""

from collections.abc import Iterator, Mapping
import contextlib
import io
import struct
import warnings
import zlib

import cv2
from jaxtyping import Integer, Shaped, UInt8
import numpy as np
from PIL import Image

from segjax.data.datasets import archive

FORMATS = ("PNG", "JPEG", "MPO")
"""What Pillow calls the formats that a prepared data set stores as they are."""

PICTURES = (*FORMATS, "BMP", "TIFF", "WEBP", "GIF")
"""All that are read: no others are tried, such as EPS, which is a program."""
_OPENED = [name for name in PICTURES if name != "MPO"]  # Pillow: a JPEG.
_MAX_MATLAB = 1 << 28  # Bytes of one variable, inflated.
_COMPRESSED = 15  # miCOMPRESSED of the MATLAB 5 format.


class WrongLabelError(ValueError):
  """A label map has a value or a colour that stands for no class."""


class WrongSizeError(ValueError):
  """A label map is not as large as its image."""


def decode(encoded: bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
  """Decodes a PNG or JPEG completely, checksums included.

  OpenCV decodes the images at run time, but returns what it has got of a
  file that was cut short; and it turns palette indices into colours. Pillow
  refuses an image that declares more than about 179 million pixels. Of an
  animation it gives the first frame, and it leaves an orientation tag alone.
  """
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    image = Image.open(io.BytesIO(encoded), formats=_OPENED)
    if image.format not in formats:
      raise ValueError(f"a {image.format} file")
    if image.format == "PNG":
      image.verify()
      image = Image.open(io.BytesIO(encoded), formats=_OPENED)
    image.load()
  return image


def rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
  """A decoded picture as 8-bit RGB; 16-bit greys lose their lower byte.

  Transparent pixels show the colour beneath.

  Raises:
    ValueError: its pixels are of floating point, and of any scale.
  """
  if image.mode.startswith("I"):
    grey = np.asarray(image).astype(np.int64)
    grey = grey >> 8 if grey.max() > 255 else grey
    image = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
  if image.mode == "F":
    raise ValueError("pixels of floating point")
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    return np.array(image.convert("RGB"))


def encode(array: np.ndarray) -> bytes:
  """A label map, or an image in OpenCV's order BGR, as a PNG of 8 bits."""
  try:
    ok, encoded = cv2.imencode(".png", array)
  except cv2.error:
    ok = False
  if not ok:
    raise ValueError(f"OpenCV cannot encode a PNG of shape {array.shape}")
  return encoded.tobytes()


@contextlib.contextmanager
def decodable(file: archive.File) -> Iterator[None]:
  """Turns what decoding `file` raises into one ValueError that names it."""
  try:
    yield
  except FileNotFoundError:
    raise
  except Exception as error:  # Whatever Pillow meets in random bytes.
    if str(file.archive.path) in str(error):
      raise
    raise ValueError(
        f"{file} is not an intact PNG or JPEG "
        f"({error or type(error).__name__})."
    ) from error


def decode_colours(
    file: archive.File,
    colours: Mapping[tuple[int, int, int], int],
    formats: tuple[str, ...] = FORMATS,
) -> UInt8[np.ndarray, "h w"]:
  """The values that stand for the colours of a label picture.

  Raises:
    ValueError: naming the file, if it is damaged.
    WrongLabelError: naming the file and a place, if it has another colour.
  """
  with decodable(file):
    rgb = np.asarray(decode(file.read(), formats).convert("RGB")).astype(
        np.int32
    )
  packed = rgb @ (1 << 16, 1 << 8, 1)
  known = {r << 16 | g << 8 | b: v for (r, g, b), v in colours.items()}
  keys = np.array(sorted(known))
  values = np.array([known[key] for key in sorted(known)], np.uint8)
  found = np.searchsorted(keys, packed).clip(max=len(keys) - 1)
  wrong = keys[found] != packed
  if np.any(wrong):
    y, x = np.argwhere(wrong)[0]
    raise WrongLabelError(
        f"{file} has the colour {tuple(rgb[y, x].tolist())} at row {y}, "
        f"column {x}, and {np.sum(wrong)} pixels of no class in all."
    )
  return values[found]


def matlab(file: archive.File, *fields: str) -> Shaped[np.ndarray, "..."]:
  """A variable of a .mat file, or a field of the struct that it is.

  Args:
    file: in the format of MATLAB 5 to 7.2.
    *fields: the variable's name, then those of nested fields.

  Raises:
    ValueError: naming the file, if it is damaged, has no such field, or
      inflates to more than a label map needs.
  """
  import scipy.io  # Slow to import, and few data sets need it.

  name = ".".join(fields)
  content = file.read()
  try:
    _check_inflated(content)
    value = scipy.io.loadmat(io.BytesIO(content))[fields[0]]
    for field in fields[1:]:
      value = value[field][0, 0]
    return np.asarray(value)
  except Exception as error:  # Whatever SciPy meets in random bytes.
    raise ValueError(
        f"{file} is not an intact .mat file with {name} ({error})."
    ) from error


def matlab_labels(
    file: archive.File, *fields: str
) -> Integer[np.ndarray, "h w"]:
  """A label map of a .mat file, as `matlab`.

  Raises:
    ValueError: if it is no array (height, width) of integers, too.
  """
  label = matlab(file, *fields)
  if label.ndim != 2 or not np.issubdtype(label.dtype, np.integer):
    raise ValueError(
        f"{file}: {'.'.join(fields)} is {label.dtype} {label.shape}, not "
        "integers (height, width)."
    )
  return label


def _check_inflated(content: bytes) -> None:
  """Inflates the variables of a .mat file, up to a limit."""
  order = "<" if content[126:128] == b"IM" else ">"
  position = 128
  while position + 8 <= len(content):
    kind, size = struct.unpack_from(f"{order}II", content, position)
    position += 8
    if kind == _COMPRESSED:
      inflater = zlib.decompressobj()
      element = content[position : position + size]
      inflater.decompress(element, _MAX_MATLAB)
      if inflater.unconsumed_tail:
        raise ValueError(f"it inflates to more than {_MAX_MATLAB} bytes")
    position += size
