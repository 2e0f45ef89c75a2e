"""What augmentation has drawn, and the integers that say where pixels go.

The host and the device share this file. Places are whole numbers in 1/65536 of
a pixel, so that NumPy and XLA agree on them to the last bit. An image is
resampled in two steps: a window of it becomes the canvas, and the canvas, where
there is a rotation or an elastic deformation, is bent into the result.
"""

import math
from typing import NamedTuple

from jaxtyping import Bool, Float32, Int32
import numpy as np

MEAN_COLOUR = (124, 116, 104)
"""RGB mean of ImageNet, rounded: what images are padded with."""

PADDINGS = ("mean", "mirror")
BITS = 16  # Of a place's fraction.
FRACTION_BITS = 5  # That interpolation looks at, as `cv2.remap` does.
_NODE_BITS = 8  # Of the displacement of a node.
_WEIGHT_BITS = 10  # Of an interpolation weight between nodes.


class Draw(NamedTuple):
  """All that is random about one sample; stacks into arrays of a batch.

  Attributes:
    window: top, left, height and width, in pixels of the source image.
    turn: cosine and sine of the rotation, in 1/65536.
    bend: displacements (y, x) at the nodes of a grid, in 1/256 of a pixel.
    flip: whether left and right change places.
    colour: a matrix of red, green, blue and the image's mean intensity.
    blur: standard deviation in pixels, 0 for none.
    hole: top, left, bottom and right of what is cut out of the result.
  """

  window: Int32[np.ndarray, "4"]
  turn: Int32[np.ndarray, "2"]
  bend: Int32[np.ndarray, "nodes nodes 2"]
  flip: Bool[np.ndarray, ""]
  colour: Float32[np.ndarray, "3 4"]
  blur: Float32[np.ndarray, ""]
  hole: Int32[np.ndarray, "4"]


def canvas_size(
    size: tuple[int, int], rotation: float, elastic: float
) -> tuple[int, int]:
  """What a result needs around it, turned by up to so many degrees and bent.

  Deformations beyond four standard deviations, which take several unlikely
  nodes together, read beyond the canvas.
  """
  h, w = size
  turned = []
  for a, b in ((h, w), (w, h)):
    angle = min(math.radians(rotation), math.atan2(b, a))
    turned.append(a * math.cos(angle) + b * math.sin(angle))
  more = (math.ceil((t - s) / 2 + 4 * elastic) for t, s in zip(turned, size))
  # As odd or even as the result, so that their centres are the same place.
  return tuple(s + 2 * m for s, m in zip(size, more))


def nearest(i, window, size: int):
  """The pixel of a window nearest to pixel i of `size`; ints of any library.

  Between centres: where two are as near, the second. The float arithmetic of
  OpenCV's INTER_NEAREST_EXACT breaks such ties either way.
  """
  return ((2 * i + 1) * window) // (2 * size)


def averages(window, size: tuple[int, int]):
  """Whether an image is resampled by area: from half its size down.

  Above, bilinear interpolation looks at nearly every pixel, in a sixth of the
  time.
  """
  return (window[2] >= 2 * size[0]) & (window[3] >= 2 * size[1])


def reflect(index, size):
  """Where an index lies in endless mirroring about the outermost pixels."""
  period = 2 * size - 2 + (size == 1)
  return size - 1 - abs(index % period - (size - 1))


def places(i, j, size: tuple[int, int], canvas: tuple[int, int], turn, bend):
  """Where in the canvas pixel (i, j) of the result is from, (y, x).

  Args:
    i: rows (h, 1), int32.
    j: columns (1, w), int32.
    size: of the result.
    canvas: size of the canvas.
    turn: as in `Draw`; what was below is seen on the right for a sine above 0.
    bend: as in `Draw`.

  Returns:
    y and x, int32 (h, w), in 1/65536 pixels.
  """
  # Doubled, so that the centre is a whole number.
  y, x = 2 * i - (size[0] - 1), 2 * j - (size[1] - 1)
  cos, sin = turn[0], turn[1]
  turned = (y * cos + x * sin) >> 1, (x * cos - y * sin) >> 1
  rows, columns = (_between(n, bend.shape[0]) for n in size)
  out = []
  for axis, place in enumerate(turned):
    place = place + (canvas[axis] - 1) * (1 << (BITS - 1))
    if bend.shape[0]:
      part = sum(rows[:, k, None] * bend[k, :, axis] for k in range(len(bend)))
      part = part >> _WEIGHT_BITS
      place = place + (
          sum(part[:, k, None] * columns[:, k] for k in range(len(bend)))
          >> (_NODE_BITS + _WEIGHT_BITS - BITS)
      )
    out.append(place)
  return tuple(out)


def turn(degrees: float) -> Int32[np.ndarray, "2"]:
  """`Draw.turn`."""
  angle = math.radians(degrees)
  values = np.array([math.cos(angle), math.sin(angle)]) * (1 << BITS)
  return np.rint(values).astype(np.int32)


def bend(
    rng: np.random.Generator, sigma: float, nodes: int
) -> Int32[np.ndarray, "nodes nodes 2"]:
  """`Draw.bend`: Gaussian displacements, cut off at 3 sigma."""
  values = rng.standard_normal((nodes, nodes, 2)).clip(-3, 3) * sigma
  return np.rint(values * (1 << _NODE_BITS)).astype(np.int32)


def colour(
    brightness: float, contrast: float, saturation: float, hue: float
) -> Float32[np.ndarray, "3 4"]:
  """`Draw.colour` of three factors and an angle in radians.

  Contrast stretches about the mean intensity, saturation about each pixel's
  luminance (ITU-R BT.601); the hue turns about the axis of greys. All three
  and brightness are linear, so that only the end is rounded.
  """
  stretch = np.eye(3) * saturation
  stretch += (1 - saturation) * np.array([0.299, 0.587, 0.114])
  axis = np.full((3, 3), 1 / 3)
  cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
  around = np.cos(hue) * np.eye(3) + np.sin(hue) * cross
  around += (1 - np.cos(hue)) * axis
  matrix = brightness * contrast * around @ stretch
  mean = np.full((3, 1), brightness * (1 - contrast))
  return np.concatenate([matrix, mean], axis=1).astype(np.float32)


SAME_COLOUR = colour(1, 1, 1, 0)


def _between(size: int, nodes: int) -> Int32[np.ndarray, "size nodes"]:
  """Weights of nodes, spread from end to end, at each pixel: bicubic.

  Keys' cubic with a = -1/2; the outermost nodes go on beyond the ends.
  """
  weights = np.zeros((size, nodes))
  if not nodes:
    return weights.astype(np.int32)
  at = np.linspace(0, nodes - 1, size)
  for offset in range(-1, 3):
    node = np.floor(at) + offset
    d = np.abs(at - node)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    value = np.where(d <= 1, near, np.where(d < 2, far, 0))
    index = node.clip(0, nodes - 1).astype(int)
    np.add.at(weights, (np.arange(size), index), value)
  return np.rint(weights * (1 << _WEIGHT_BITS)).astype(np.int32)
