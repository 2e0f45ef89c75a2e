"""Morphology of label maps, on the host: label map -> label map.

Each function treats every class by itself, reads (h, w) class ids and returns a
new map of the same type; 255, "not labelled", stays where it is. Each is
idempotent: what it has tidied up, it leaves alone.

  labels = morphology.remove_small_components(labels, 100)
  labels = morphology.fill_small_holes(labels, 100)
"""

from collections.abc import Iterator

import cv2
from jaxtyping import Bool, Int, UInt8
import numpy as np

VOID = 255

Map = Int[np.ndarray, "h w"]
Mask = UInt8[np.ndarray, "h w"]


def opening(labels: Map, radius: int, *, background: int = 0) -> Map:
  """Takes away what no disc of a class covers, such as thin bridges.

  What a class loses becomes background. The image's edge takes nothing away.

  Args:
    labels: class ids.
    radius: of the disc, in pixels; at least 1.
    background: the class that is not opened.

  >>> labels = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
  >>> print(opening(labels, 1))
  [[1 1 1 0 0]
   [1 1 1 1 0]
   [1 1 1 0 0]]

  Raises:
    ValueError: not a label map, or the radius is less than 1.
  """
  disc = _disc(radius)
  found = _copy(labels)
  for c, mask in _masks(labels):
    if c != background:
      opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc)
      found[(mask > 0) & (opened == 0)] = background
  return found


def closing(labels: Map, radius: int, *, background: int = 0) -> Map:
  """Gives to a class the background that no disc of the rest covers.

  Such as thin gaps. What two classes would have, the lower one gets; other
  classes lose nothing.

  Args:
    labels: class ids.
    radius: of the disc, in pixels; at least 1.
    background: the class that may be lost, and is not closed.

  >>> print(closing(np.array([[1, 1, 0, 1, 1, 0, 2]] * 3), 1))
  [[1 1 1 1 1 0 2]
   [1 1 1 1 1 0 2]
   [1 1 1 1 1 0 2]]

  Raises:
    ValueError: not a label map, or the radius is less than 1.
  """
  disc = _disc(radius)
  found = _copy(labels)
  for c, mask in _masks(labels):
    if c != background:
      closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc)
      found[(closed > 0) & (found == background)] = c
  return found


def remove_small_components(
    labels: Map, min_pixels: int, *, background: int | None = None
) -> Map:
  """Removes the connected parts of a class that are smaller than a number.

  Pixels are connected to their eight neighbours.

  Args:
    labels: class ids.
    min_pixels: the size of the smallest part that stays.
    background: what the parts become; it has none itself. If None, all classes
      have parts, and the classes around them grow over what is removed, pixel
      by pixel; where nothing stays, the map is as it was.

  >>> labels = np.array([[1, 1, 1, 2, 2], [1, 2, 1, 2, 2]])
  >>> print(remove_small_components(labels, 2))
  [[1 1 1 2 2]
   [1 1 1 2 2]]

  Raises:
    ValueError: not a label map.
  """
  found = _copy(labels)
  small = np.zeros(found.shape, bool)
  for c, mask in _masks(labels):
    if c != background:
      parts, sizes = _components(mask, connectivity=8)
      small |= (mask > 0) & (sizes < min_pixels)[parts]
  if background is None:
    return _grow(found, small)
  found[small] = background
  return found


def fill_small_holes(labels: Map, max_pixels: int) -> Map:
  """Fills what a class encloses, if it is not larger than a number.

  A hole is a part of the rest, connected over its four neighbours, that does
  not reach the image's edge. Whatever lies in it takes the class around it.

  Args:
    labels: class ids.
    max_pixels: the size of the largest hole that is filled.

  >>> print(fill_small_holes(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]]), 1))
  [[1 1 1]
   [1 1 1]
   [1 1 1]]

  Raises:
    ValueError: not a label map.
  """
  found = _copy(labels)
  for c, _ in _masks(labels):
    rest = (found != c).astype(np.uint8)
    parts, sizes = _components(rest, connectivity=4)
    fills = sizes <= max_pixels
    for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
      fills[edge] = False
    found[(rest > 0) & fills[parts] & (found != VOID)] = c
  return found


def _copy(labels: Map) -> Map:
  """A copy to write to.

  Raises:
    ValueError: these are not class ids (h, w).
  """
  labels = np.asarray(labels)
  if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
    raise ValueError(
        "a label map is (h, w) whole numbers, not"
        f" {labels.dtype} {labels.shape}"
    )
  return labels.copy()


def _masks(labels: Map) -> Iterator[tuple[int, Mask]]:
  """Each class in the map, and 1 where it is."""
  for c in np.unique(labels):
    if c != VOID:
      yield int(c), (np.asarray(labels) == c).astype(np.uint8)


def _disc(radius: int) -> Mask:
  if radius < 1:
    raise ValueError(f"radius is at least 1 pixel, not {radius}")
  y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
  return (y**2 + x**2 <= radius**2).astype(np.uint8)


def _components(
    mask: Mask, *, connectivity: int
) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, " parts"]]:
  """The number of each pixel's part, and each part's size; 0 is the rest."""
  _, parts, stats, _ = cv2.connectedComponentsWithStats(
      mask, connectivity=connectivity
  )
  return parts, stats[:, cv2.CC_STAT_AREA]


def _grow(labels: Map, removed: Bool[np.ndarray, "h w"]) -> Map:
  """Labels spread to their neighbours, a step at a time, over what is removed.

  So each pixel is connected to what it joins. In one step, the pixel above goes
  first, then those below, to the left and to the right.
  """
  h, w = labels.shape
  # A frame that is neither to be filled nor a source.
  filled = np.pad(labels, 1, constant_values=VOID).ravel()
  left = np.flatnonzero(np.pad(removed, 1).ravel())
  source = filled != VOID
  source[left] = False
  steps = (-(w + 2), w + 2, -1, 1)
  while left.size:
    reached, takes = np.zeros(left.size, bool), np.zeros(left.size, int)
    for step in steps:
      new = source[left + step] & ~reached
      takes[new] = left[new] + step
      reached |= new
    if not reached.any():
      break
    filled[left[reached]] = filled[takes[reached]]
    source[left[reached]] = True
    left = left[~reached]
  return filled.reshape(h + 2, w + 2)[1:-1, 1:-1].copy()
