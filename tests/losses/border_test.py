"""Borders lie where classes meet."""

import cv2
import jax
import numpy as np
import pytest

from segjax import losses
from tests.losses import shared


def scene():
  """A disc and a bar of two classes on the background."""
  label = np.zeros((60, 80), np.uint8)
  cv2.circle(label, (25, 30), 15, 3, -1)
  cv2.rectangle(label, (50, 10), (70, 50), 7, -1)
  return label


@pytest.mark.parametrize("radius", (1, 2, 3))
def test_they_are_the_pixels_whose_window_holds_two_classes(radius):
  _, labels = shared.case()
  labels = np.asarray(labels)
  filled = np.where(labels == 255, 0, labels)
  want = np.zeros(labels.shape, bool)
  for n, y, x in np.ndindex(labels.shape):
    rows = slice(max(y - radius, 0), y + radius + 1)
    columns = slice(max(x - radius, 0), x + radius + 1)
    want[n, y, x] = len(np.unique(filled[n, rows, columns])) > 1
  got = jax.jit(losses.border_labels, static_argnames="radius")(
      labels, radius=radius
  )
  np.testing.assert_array_equal(got, want)


def test_they_are_within_a_pixel_of_the_authors_canny_edges():
  """DFN's code: Canny (thresholds 5, aperture 7), dilated by 7x7."""
  label = scene()
  edges = cv2.Canny(label, 5, 5, apertureSize=7)
  canny = cv2.dilate(edges, np.ones((7, 7), np.uint8)) > 0
  ours = np.asarray(losses.border_labels(label[None], radius=3))[0]
  cross = np.ones((3, 3), np.uint8)
  for one, other in ((ours, canny), (canny, ours)):
    assert one.sum() > 500
    wider = cv2.dilate(other.astype(np.uint8), cross) > 0
    assert (one & ~wider).mean() < 0.001


def test_one_class_has_no_border_nor_has_the_images_edge():
  assert not losses.border_labels(np.full((1, 9, 9), 4)).any()


def test_void_is_background_or_a_class_of_its_own():
  labels = np.array([[[0, 0, 255, 255, 5, 5]]])
  as_background = losses.border_labels(labels, radius=1)[0, 0]
  np.testing.assert_array_equal(as_background, [0, 0, 0, 1, 1, 0])
  as_itself = losses.border_labels(labels, radius=1, void_as=255)[0, 0]
  np.testing.assert_array_equal(as_itself, [0, 1, 1, 1, 1, 0])


@pytest.mark.parametrize("alpha", (None, 0.25))
def test_the_loss_is_the_focal_one_of_a_sigmoid(alpha):
  logits, labels = shared.case()[0][..., :1], shared.case()[1]
  targets = np.asarray(losses.border_labels(labels, radius=1))
  p = 1 / (1 + np.exp(-np.asarray(logits[..., 0], np.float64)))
  p = np.where(targets, p, 1 - p)
  each = -((1 - p) ** 2) * np.log(p)
  if alpha is not None:
    each *= np.where(targets, alpha, 1 - alpha)
  got = losses.border(logits, labels, alpha=alpha, radius=1)
  want = each[np.asarray(labels) != 255].mean()
  np.testing.assert_allclose(got, want, rtol=1e-5)


def test_a_radius_is_positive():
  with pytest.raises(ValueError, match="at least 1 pixel, not 0"):
    losses.border_labels(np.zeros((1, 2, 2), int), radius=0)
