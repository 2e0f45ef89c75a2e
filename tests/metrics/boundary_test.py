"""Boundary quality against sets of pixels and distances by hand."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from segjax import metrics
from segjax.metrics import boundary


def scene(shift=0, size=(60, 80)):
  """A disc of class 3 and a bar of class 1 on class 0, moved to the right."""
  label = np.zeros(size, np.uint8)
  cv2.circle(label, (25 + shift, 30), 12, 3, -1)
  cv2.rectangle(label, (50 + shift, 10), (65 + shift, 50), 1, -1)
  return label


def noise(seed=0, size=(23, 31)):
  """Blobs of four classes with a hole of void, and a guess at them."""
  rng = np.random.default_rng(seed)
  blobs = ndimage.gaussian_filter(
      rng.standard_normal((2, 4, *size)), (0, 0, 3, 3)
  )
  label, guess = blobs[0].argmax(0), (blobs[0] + 0.4 * blobs[1]).argmax(0)
  label[5:9, 8:15] = 255
  return label, guess


def f1_by_hand(label, guess, k, tolerance):
  """All pairs of contour points, of maps with void as a class of its own."""
  guess = np.where(label == 255, 255, guess)

  def points(labels, c):
    h, w = labels.shape
    return np.array(
        [
            (y, x)
            for y, x in np.argwhere(labels == c)
            if any(
                0 <= v < h and 0 <= u < w and labels[v, u] != c
                for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
            )
        ]
    )

  reach = tolerance * np.hypot(*label.shape)
  scores = np.full(k, np.nan)
  for c in set(np.unique(label)) - {255}:
    true, found = points(label, c), points(guess, c)
    if not len(true) or not len(found):
      scores[c] = 0
      continue
    gaps = np.linalg.norm(true[:, None] - found[None], axis=-1)
    precision = (gaps.min(0) <= reach).mean()
    recall = (gaps.min(1) <= reach).mean()
    both = precision + recall
    scores[c] = 2 * precision * recall / both if both else 0
  return scores


@pytest.mark.parametrize("seed", (0, 1, 2))
@pytest.mark.parametrize("tolerance", (0.0, 0.03, 0.06))
def test_f1_matches_contours_point_by_point(seed, tolerance):
  label, guess = noise(seed)
  want = f1_by_hand(label, guess, 5, tolerance)
  assert np.isnan(want[4])
  assert tolerance == 0 or 0 < np.nanmin(want) <= np.nanmax(want) < 1
  got = metrics.boundary_f1(label, guess, 5, tolerance=tolerance)
  np.testing.assert_allclose(got, want)


def test_f1_forgives_what_is_within_the_tolerance():
  """0.75 % of a diagonal of 100 pixels is less than one, 2 % are two."""
  label, guess = scene(), scene(shift=2)
  np.testing.assert_array_equal(
      metrics.boundary_f1(label, label, 4), [1, 1, np.nan, 1]
  )
  np.testing.assert_array_equal(
      metrics.boundary_f1(label, guess, 4, tolerance=0.02), [1, 1, np.nan, 1]
  )
  strict = metrics.boundary_f1(label, guess, 4)
  assert np.nanmax(strict) < 0.8


def test_f1_of_classes_without_a_contour():
  """One class everywhere is right or wrong; a missing class has no match."""
  flat = np.zeros((4, 4), int)
  np.testing.assert_array_equal(metrics.boundary_f1(flat, flat, 2), [1, np.nan])
  np.testing.assert_array_equal(
      metrics.boundary_f1(flat, flat + 1, 2), [0, np.nan]
  )
  half = flat.copy()
  half[:2] = 1
  np.testing.assert_array_equal(metrics.boundary_f1(half, flat, 2), [0, 0])


def boundary_counts_by_the_papers_code(label, guess, k, dilation):
  """Each class's mask less its erosion, step by step, from the frame on too."""
  d = max(1, round(dilation * float(np.hypot(*label.shape))))
  square = np.ones((3, 3))
  counts = np.zeros((3, k), int)
  valid = label != 255
  for c in range(k):
    bands = []
    for labels in (label, guess):
      mask = (labels == c) & valid
      inner = ndimage.binary_erosion(mask, square, iterations=d)
      bands.append(mask & ~inner)
    true, found = bands
    counts[:, c] = (true & found).sum(), true.sum(), found.sum()
  return counts


@pytest.mark.parametrize("seed", (0, 1, 2))
@pytest.mark.parametrize("dilation", (0.01, 0.05, 0.15))
def test_iou_counts_the_bands_of_erosion(seed, dilation):
  label, guess = noise(seed)
  want = boundary_counts_by_the_papers_code(label, guess, 5, dilation)
  assert want[:, :4].min() > 0
  got = metrics.boundary_iou_counts(label, guess, 5, dilation=dilation)
  np.testing.assert_array_equal(got, want)
  both, true, found = want[:, :4]
  np.testing.assert_allclose(
      metrics.boundary_iou(got), [*(both / (true + found - both)), np.nan]
  )


def test_iou_of_a_large_object_falls_with_its_boundary_alone():
  """Its point (Sec. 3): the same shift costs the mask's IoU far less."""
  label, guess = np.zeros((2, 400, 400), int)
  label[50:350, 50:350] = 1
  guess[50:350, 58:358] = 1
  mask = (label & guess).sum() / (label | guess).sum()
  band = metrics.boundary_iou(metrics.boundary_iou_counts(label, guess, 2))[1]
  assert mask > 0.94
  assert band < 0.65


@pytest.mark.parametrize("seed", (0, 1))
def test_trimaps_count_the_pixels_near_a_true_border(seed):
  label, guess = noise(seed)
  widths = (1, 2, 4, 8, 100)
  counts = metrics.trimap_counts(label, guess, 5, widths=widths)
  ends = boundary.contours(label)
  gaps = ndimage.distance_transform_edt(~ends)
  for width, matrix in zip(widths, counts):
    near = np.where(gaps < width, label, 255)[None]
    want = metrics.confusion_matrix(near, guess[None], 5)
    np.testing.assert_array_equal(matrix, want)
  curve = metrics.trimap_iou(counts)
  assert curve[0] < curve[-1]
  whole = metrics.confusion_matrix(label[None], guess[None], 5)
  np.testing.assert_array_equal(counts[-1], whole)


def test_an_image_without_borders_is_in_no_trimap():
  flat = np.zeros((5, 5), int)
  assert metrics.trimap_counts(flat, flat, 2).sum() == 0


@pytest.mark.parametrize(
    "function",
    (metrics.boundary_f1, metrics.boundary_iou_counts, metrics.trimap_counts),
)
def test_void_hides_what_is_predicted_there(function):
  label, guess = noise()
  other = np.where(label == 255, 255, guess)
  np.testing.assert_array_equal(
      function(label, guess, 4), function(label, other, 4)
  )
  nothing = np.full(label.shape, 255)
  assert np.nansum(function(nothing, guess, 4)) == 0


@pytest.mark.parametrize(
    "function",
    (metrics.boundary_f1, metrics.boundary_iou_counts, metrics.trimap_counts),
)
def test_what_cannot_be_is_named(function):
  label, guess = noise()
  with pytest.raises(ValueError, match="must be the same"):
    function(label, guess[:-1], 4)
  with pytest.raises(ValueError, match="0 to 3; there are the classes 0 to 2"):
    function(np.where(label == 3, 0, label), guess, 3)
  with pytest.raises(ValueError, match="1 to 255, not 256"):
    function(label, guess, 256)


@pytest.mark.parametrize("widths", ((0, 1), (2, 1), (1, 1)))
def test_widths_increase(widths):
  with pytest.raises(ValueError, match="must increase from above 0"):
    metrics.trimap_counts(*noise(), 4, widths=widths)
