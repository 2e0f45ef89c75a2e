"""Augmentation on the host, with OpenCV: `on_device` does the same."""

import cv2
from jaxtyping import UInt8
import numpy as np

from segjax.data import draws, labels

Image = UInt8[np.ndarray, "h w 3"]
Label = UInt8[np.ndarray, "h w"]


def resample(
    image: Image,
    label: Label,
    window: tuple[int, int, int, int],
    size: tuple[int, int],
    padding: str,
) -> tuple[Image, Label]:
  """A window of image and label, resized.

  The image bilinearly, or from half its size down as the mean over the area,
  against aliasing; the label to the nearest neighbour, at the same centres.
  Beyond the image are the mean colour or its mirror image; labels there are
  255.
  """
  top, left, height, width = map(int, window)
  if padding == "mirror":
    image = _mirrored(image, top, left, height, width)
  else:
    image = cut(image, top, left, height, width, draws.MEAN_COLOUR)
  label = cut(label, top, left, height, width, labels.VOID)
  if (height, width) == tuple(size):
    return image, label
  averages = draws.averages((top, left, height, width), size)
  method = cv2.INTER_AREA if averages else cv2.INTER_LINEAR
  image = cv2.resize(image, (size[1], size[0]), interpolation=method)
  rows = draws.nearest(np.arange(size[0]), height, size[0])
  columns = draws.nearest(np.arange(size[1]), width, size[1])
  # Whole rows at a time, twice: three times as quick as single pixels.
  label = np.take(cv2.transpose(np.take(label, rows, 0)), columns, 0)
  return image, cv2.transpose(label)


def warp(
    image: Image, label: Label, draw: draws.Draw, size: tuple[int, int]
) -> tuple[Image, Label]:
  """Turns and bends a canvas into the result."""
  rows = np.arange(size[0], dtype=np.int32)[:, None]
  columns = np.arange(size[1], dtype=np.int32)[None]
  place = draws.places(rows, columns, size, label.shape, draw.turn, draw.bend)
  to = np.stack([p + (1 << (draws.BITS - 1)) for p in place[::-1]], -1)
  label = cv2.remap(
      label,
      (to >> draws.BITS).astype(np.int16),
      None,
      cv2.INTER_NEAREST,
      borderMode=cv2.BORDER_CONSTANT,
      borderValue=labels.VOID,
  )
  shift, bits = draws.BITS - draws.FRACTION_BITS, draws.FRACTION_BITS
  y, x = ((p + (1 << (shift - 1))) >> shift for p in place)
  mask = (1 << bits) - 1
  image = cv2.remap(
      image,
      np.stack([x >> bits, y >> bits], -1).astype(np.int16),
      (((y & mask) << bits) + (x & mask)).astype(np.uint16),
      cv2.INTER_LINEAR,
      borderMode=cv2.BORDER_CONSTANT,
      borderValue=draws.MEAN_COLOUR,
  )
  return image, label


def recolour(image: Image, matrix: np.ndarray) -> Image:
  """Colours times `Draw.colour`."""
  matrix = matrix.astype(np.float64)
  matrix[:, 3] *= np.mean(cv2.mean(image)[:3])
  return cv2.transform(image, matrix)


def blur(image: Image, sigma: float, radius: int) -> Image:
  """Gaussian, of so many pixels to each side; mirrors at the border."""
  sides = (2 * radius + 1, 2 * radius + 1)
  return cv2.GaussianBlur(image, sides, sigma, borderType=cv2.BORDER_REFLECT101)


def cut(
    array: UInt8[np.ndarray, "h w *c"],
    top: int,
    left: int,
    height: int,
    width: int,
    fill: int | tuple[int, ...],
) -> UInt8[np.ndarray, "height width *c"]:
  """A window of an array, filled where it reaches beyond it."""
  inside = array[max(top, 0) : top + height, max(left, 0) : left + width]
  if inside.shape[:2] == (height, width):
    return inside
  y, x = max(-top, 0), max(-left, 0)
  bottom, right = height - y - inside.shape[0], width - x - inside.shape[1]
  return cv2.copyMakeBorder(
      inside, y, bottom, x, right, cv2.BORDER_CONSTANT, value=fill
  )


def _mirrored(
    image: Image, top: int, left: int, height: int, width: int
) -> Image:
  h, w = image.shape[:2]
  bottom, right = top + height, left + width
  if min(top, left) >= 0 and bottom <= h and right <= w:
    return image[top:bottom, left:right]
  rows = draws.reflect(np.arange(top, bottom), h)
  return image[rows][:, draws.reflect(np.arange(left, right), w)]
