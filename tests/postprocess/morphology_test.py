"""Morphology of drawn shapes, and of any map twice."""

import functools

import cv2
import hypothesis
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest
from scipy import ndimage

from segjax.postprocess import morphology

OPERATIONS = {
    "opening": functools.partial(morphology.opening, radius=1),
    "opening 2": functools.partial(morphology.opening, radius=2),
    "closing": functools.partial(morphology.closing, radius=1),
    "closing 2": functools.partial(morphology.closing, radius=2),
    "components": functools.partial(
        morphology.remove_small_components, min_pixels=5
    ),
    "components to background": functools.partial(
        morphology.remove_small_components, min_pixels=5, background=0
    ),
    "holes": functools.partial(morphology.fill_small_holes, max_pixels=6),
}

MAPS = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    elements=st.sampled_from((0, 0, 1, 1, 2, 255)),
)


def scene():
  """Two discs on a thin bar, with a pinhole, a speck and a strip of void."""
  labels = np.zeros((60, 90), np.uint8)
  cv2.rectangle(labels, (10, 29), (80, 30), 1, -1)
  cv2.circle(labels, (25, 30), 12, 1, -1)
  cv2.circle(labels, (65, 30), 12, 2, -1)
  labels[28:30, 24:26] = 2
  labels[3:5, 80:82] = 2
  labels[:, 44] = 255
  return labels


@pytest.mark.parametrize("name", OPERATIONS)
@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(labels=MAPS)
def test_twice_is_once(name, labels):
  operation = OPERATIONS[name]
  before = labels.copy()
  once = operation(labels)
  np.testing.assert_array_equal(operation(once), once)
  np.testing.assert_array_equal(labels, before)
  assert once.dtype == labels.dtype
  np.testing.assert_array_equal(once == 255, labels == 255)
  assert set(np.unique(once)) <= set(np.unique(labels)) | {0}


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_changes_the_scene(name):
  assert (OPERATIONS[name](scene()) != scene()).any()


@pytest.mark.parametrize("radius", (1, 2, 4))
def test_opening_and_closing_are_scipys_of_each_class(radius):
  """Away from the image's edge, where scipy's closing opens."""
  labels = np.pad(scene(), 10)
  y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
  disc = y**2 + x**2 <= radius**2
  opened = morphology.opening(labels, radius)
  closed = morphology.closing(labels, radius)
  taken = np.zeros(labels.shape, bool)
  for c in (1, 2):
    mask = labels == c
    np.testing.assert_array_equal(
        opened == c, ndimage.binary_opening(mask, disc)
    )
    gain = ndimage.binary_closing(mask, disc) & (labels == 0) & ~taken
    np.testing.assert_array_equal(closed == c, mask | gain)
    taken |= gain


def test_opening_cuts_the_bridge_and_keeps_the_discs():
  opened = morphology.opening(scene(), 2)
  bridge = (opened[29, 40:44] == 0).all() and (opened[30, 46:50] == 0).all()
  assert bridge
  assert opened[30, 20] == 1
  assert opened[30, 70] == 2
  assert opened[4, 81] == 0


def test_the_images_edge_takes_nothing_away():
  labels = np.zeros((10, 10), np.uint8)
  labels[:, :5] = 1
  for operation in (morphology.opening, morphology.closing):
    np.testing.assert_array_equal(operation(labels, 3), labels)


def test_closing_bridges_a_gap_and_takes_from_no_class():
  labels = np.zeros((9, 12), np.uint8)
  labels[2:7, 1:5], labels[2:7, 6:10] = 1, 1
  labels[4, 5] = 2
  closed = morphology.closing(labels, 1)
  np.testing.assert_array_equal(closed[3:6, 5], [1, 2, 1])


def test_small_components_give_way_to_their_surroundings():
  labels = scene()
  found = morphology.remove_small_components(labels, 20)
  assert (found[28:30, 24:26] == 1).all()
  assert (found[3:5, 80:82] == 0).all()
  assert (found == 2).sum() == (labels == 2).sum() - 8
  found = morphology.remove_small_components(labels, 20, background=0)
  assert (found[28:30, 24:26] == 0).all()


def test_a_component_stays_from_its_number_of_pixels_on():
  labels = np.zeros((8, 8), int)
  labels[2, 2], labels[3, 3], labels[4, 4] = 1, 1, 1  # Connected by corners.
  for least, stays in ((3, True), (4, False)):
    found = morphology.remove_small_components(labels, least)
    assert (found[3, 3] == 1) == stays


def test_what_is_removed_goes_to_the_nearest_class():
  labels = np.repeat(np.array([[1, 1, 1, 0, 0, 0, 0, 2, 2, 2]]), 9, axis=0)
  labels[:, 3:7] = np.arange(36).reshape(9, 4) % 7 + 10  # All of them small.
  found = morphology.remove_small_components(labels, 9)
  assert (found[:, :5] == 1).all()
  assert (found[:, 5:] == 2).all()


def test_where_nothing_is_large_enough_nothing_changes():
  labels = np.arange(36).reshape(6, 6)
  np.testing.assert_array_equal(
      morphology.remove_small_components(labels, 2), labels
  )


def test_holes_are_what_scipy_fills_up_to_their_size():
  labels = np.zeros((20, 30), np.uint8)
  labels[2:18, 2:28] = 1
  labels[5:7, 5:7] = 0
  labels[10:13, 10:14] = 2
  labels[0:4, 20] = 0  # A bay, open to the edge.
  filled = ndimage.binary_fill_holes(labels == 1)
  np.testing.assert_array_equal(
      morphology.fill_small_holes(labels, 12) == 1, filled
  )
  some = morphology.fill_small_holes(labels, 11)
  assert (some[10:13, 10:14] == 2).all()
  assert (some[5:7, 5:7] == 1).all()


def test_a_hole_may_hold_other_classes_and_keeps_its_void():
  labels = np.full((9, 9), 3)
  labels[3:6, 3:6] = 1
  labels[4, 4], labels[4, 5] = 2, 255
  found = morphology.fill_small_holes(labels, 9)
  assert found[4, 5] == 255
  assert (found == 3).sum() == 80


@pytest.mark.parametrize("labels", (np.zeros((2, 2, 2), int), np.zeros((2, 2))))
def test_what_is_no_label_map_is_named(labels):
  for operation in OPERATIONS.values():
    with pytest.raises(ValueError, match=r"a label map is \(h, w\) whole"):
      operation(labels)


def test_a_radius_is_positive():
  for operation in (morphology.opening, morphology.closing):
    with pytest.raises(ValueError, match="at least 1 pixel, not 0"):
      operation(scene(), 0)
