"""What a semantic texton forest looks at: pixels around a pixel, and areas.

Shotton, Johnson and Cipolla 2008 (Semantic texton forests for image
categorization and segmentation, CVPR). The paper draws new candidates at each
node of a tree; here a bank of candidates is drawn once, of which a tree's nodes
choose. `texton_model` has the forests.
"""

import dataclasses

import cv2
from jaxtyping import Float, Int, UInt8
import numpy as np

KINDS = ("value", "sum", "difference", "absolute difference")
"""The split functions of the first forest, of one or two values of a patch."""

_SIGNS = np.array([0, 1, -1, -1], np.float32)


def lab(image: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
  """RGB in CIELab: L from 0 to 100, a and b around 0."""
  return cv2.cvtColor(np.float32(image) / 255, cv2.COLOR_RGB2Lab)


def grid(size: int, stride: int) -> Int[np.ndarray, " g"]:
  """The pixels of a row or column, every `stride`-th, that are looked at."""
  return np.arange(min(stride // 2, size - 1), size, stride)


def interpolate(
    maps: Float[np.ndarray, "g v k"], stride: int, size: tuple[int, int]
) -> Float[np.ndarray, "h w k"]:
  """Values on the grid, bilinearly between its pixels; outside, the nearest."""
  rows, columns = (
      _weights(side, cells, stride) for side, cells in zip(size, maps.shape)
  )
  return np.einsum("hg,gvk,wv->hwk", rows, maps, columns, optimize=True)


def _weights(size: int, cells: int, stride: int) -> np.ndarray:
  """(size, cells): how much of each cell is in a pixel."""
  weights = [
      np.interp(np.arange(size), grid(size, stride), one)
      for one in np.eye(cells)
  ]
  return np.stack(weights, -1)


@dataclasses.dataclass(frozen=True)
class PixelTests:
  """Values of a patch around a pixel, or two of them taken together.

  Attributes:
    patch: the side of the patch, odd.
    kinds: indices of `KINDS`.
    first: row and column, from the patch's corner, and channel of a value.
    second: of the other value; without a meaning for the kind "value".
  """

  patch: int
  kinds: Int[np.ndarray, " f"]
  first: Int[np.ndarray, "f 3"]
  second: Int[np.ndarray, "f 3"]

  @classmethod
  def draw(
      cls, rng: np.random.Generator, count: int, patch: int
  ) -> "PixelTests":
    """All kinds, places and channels are equally likely.

    Raises:
      ValueError: the patch has no middle.
    """
    if patch < 1 or not patch % 2:
      raise ValueError(f"a patch's side must be odd and above 0, not {patch}")
    places = rng.integers((patch, patch, 3), size=(2, count, 3))
    return cls(patch, rng.integers(len(KINDS), size=count), *places)

  def __call__(
      self,
      image: Float[np.ndarray, "h w 3"],
      rows: Int[np.ndarray, " n"],
      columns: Int[np.ndarray, " n"],
  ) -> Float[np.ndarray, "f n"]:
    """All tests at some pixels; beyond its edges an image goes on as it ends."""
    r = self.patch // 2
    padded = np.pad(image, ((r, r), (r, r), (0, 0)), mode="edge")
    planes = np.ascontiguousarray(padded.transpose(2, 0, 1))
    _, height, width = planes.shape
    corners = (rows * width + columns).astype(np.int32)

    def values(places):
      y, x, channel = places.T.astype(np.int32)
      offsets = (channel * height + y) * width + x
      return planes.reshape(-1)[offsets[:, None] + corners]

    found = values(self.first)
    found += _SIGNS[self.kinds][:, None] * values(self.second)
    absolute = self.kinds == KINDS.index("absolute difference")
    found[absolute] = np.abs(found[absolute])
    return found


@dataclasses.dataclass(frozen=True)
class Regions:
  """Means of maps over rectangles that lie somewhere around a pixel.

  What of a rectangle lies outside of the image counts as 0 and is part of its
  area, as in TextonBoost: this is how the forest comes to know where in the
  image a pixel is.

  Attributes:
    boxes: top, left, bottom and right in cells of the maps, seen from the
      pixel; the last two are not in the rectangle.
    maps: which map.
  """

  boxes: Int[np.ndarray, "f 4"]
  maps: Int[np.ndarray, " f"]

  @classmethod
  def draw(
      cls, rng: np.random.Generator, maps: Int[np.ndarray, " f"], reach: float
  ) -> "Regions":
    """For each map two corners in a square around the pixel.

    The square's half side is between 1 and `reach` cells, small and large ones
    alike: its logarithm is uniform.
    """
    sides = np.exp(rng.uniform(0, np.log(max(reach, 1)), (len(maps), 1, 1)))
    corners = np.floor(rng.uniform(-sides, sides, (len(maps), 2, 2)))
    boxes = np.concatenate([corners.min(1), corners.max(1) + 1], -1)
    return cls(boxes.astype(np.int32), maps)

  def __call__(
      self,
      maps: Float[np.ndarray, "m g v"],
      rows: Int[np.ndarray, " n"],
      columns: Int[np.ndarray, " n"],
  ) -> Float[np.ndarray, "f n"]:
    """All means at some cells, from the integral images of the maps."""
    integral = np.pad(maps, ((0, 0), (1, 0), (1, 0))).astype(np.float64)
    np.cumsum(integral, axis=1, out=integral)
    np.cumsum(integral, axis=2, out=integral)
    _, height, width = integral.shape
    top, left, bottom, right = self.boxes.T[:, :, None]
    start = (self.maps * height)[:, None]
    rows, columns = rows.astype(np.int32), columns.astype(np.int32)
    above, below = (
        (np.clip(rows + y, 0, height - 1) + start) * width
        for y in (top, bottom)
    )
    before, after = (np.clip(columns + x, 0, width - 1) for x in (left, right))
    flat = integral.reshape(-1)
    sums = flat[below + after] - flat[below + before]
    sums += flat[above + before] - flat[above + after]
    return (sums / ((bottom - top) * (right - left))).astype(np.float32)
