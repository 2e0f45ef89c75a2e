"""The outlines of COCO's annotations as masks, to the pixel as its own tools.

COCO (arXiv:1405.0312) measures in pixels from the upper left corner and
stores a mask as polygons, or as run lengths down the columns. What a polygon
covers is fixed by the reference implementation, pycocotools, which walks its
edges on a grid of fifths of a pixel; so do we.
"""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Bool, Float, Int
import numpy as np

_FINE = 5  # Grid steps in a pixel.


def mask(
    segmentation: Any, size: tuple[int, int]
) -> Bool[np.ndarray, "{size[0]} {size[1]}"]:
  """Where an object is, from the "segmentation" of its annotation.

  Args:
    segmentation: a list of polygons [x0, y0, x1, y1, ...], joined, or
      {"counts": [run lengths], "size": [height, width]}.
    size: height and width of the image.

  Raises:
    ValueError: for another form, or run lengths of another size.
  """
  if isinstance(segmentation, dict):
    return _from_runs(segmentation, size)
  covered = np.zeros(size, bool)
  if not isinstance(segmentation, list):
    raise ValueError(f"a segmentation is no {type(segmentation).__name__}")
  for outline in segmentation:
    points = np.asarray(outline, np.float64).reshape(-1)
    if len(points) % 2 or not np.all(np.isfinite(points)):
      raise ValueError("a polygon is not pairs of finite numbers")
    covered |= polygon(points.reshape(-1, 2), size)
  return covered


def polygon(
    points: Float[np.ndarray, "n 2"], size: tuple[int, int]
) -> Bool[np.ndarray, "{size[0]} {size[1]}"]:
  """Where a polygon of corners (x, y) lies."""
  height, width = size
  corners = np.trunc(_FINE * points + 0.5).astype(np.int64)
  ends = np.roll(corners, -1, axis=0)
  walked = [_walk(a, b) for a, b in zip(corners, ends)]
  x, y = np.concatenate([np.zeros((2, 0), np.int64), *walked], axis=1)
  # A column counts an edge where the walk steps over the column's middle.
  step = np.flatnonzero(x[1:] != x[:-1])
  left = np.minimum(x[step], x[step + 1])
  column, off = np.divmod(left - _FINE // 2, _FINE)
  top = (np.minimum(y[step], y[step + 1]) + 0.5) / _FINE - 0.5
  row = np.ceil(np.clip(top, 0, height)).astype(np.int64)
  on = (off == 0) & (column >= 0) & (column < width)
  toggles = np.bincount(
      column[on] * height + row[on], minlength=height * width + 1
  )
  inside = np.cumsum(toggles[:-1]) % 2 == 1
  return inside.reshape(width, height).T


def _walk(
    start: Int[np.ndarray, "2"], end: Int[np.ndarray, "2"]
) -> Int[np.ndarray, "2 n"]:
  """The grid points of an edge, one for each step of its longer side."""
  span = np.abs(end - start)
  along = 0 if span[0] >= span[1] else 1
  # Rounding must not depend on the edge's direction.
  turned = start[along] > end[along]
  low, high = (end, start) if turned else (start, end)
  t = np.arange(span[along] + 1)
  points = np.empty((2, len(t)), np.int64)
  slope = (high - low)[1 - along] / max(span[along], 1)
  points[along] = low[along] + t
  points[1 - along] = np.trunc(low[1 - along] + slope * t + 0.5)
  return points[:, ::-1] if turned else points


def _from_runs(
    segmentation: dict[str, Any], size: tuple[int, int]
) -> Bool[np.ndarray, "h w"]:
  counts: Sequence[int] = segmentation.get("counts")
  if not isinstance(counts, list) or list(segmentation.get("size", ())) != list(
      size
  ):
    raise ValueError(
        "run lengths need a list of counts and the size of the image, "
        f"{list(size)}, not {segmentation.get('size')}"
    )
  runs = np.asarray(counts, np.int64)
  if np.any(runs < 0) or np.sum(runs) != size[0] * size[1]:
    raise ValueError(f"the run lengths do not add up to {size[0] * size[1]}")
  values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
  return values.reshape(size[::-1]).T
