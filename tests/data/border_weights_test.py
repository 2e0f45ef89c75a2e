"""U-Net's map of weights, against Eq. (2) written out."""

import pathlib

import cv2
import numpy as np
import pytest

from segjax.data import border_weights as lib

ISBI = pathlib.Path(__file__).parents[2].parent / "shared/data/isbi2012"


def scene():
  """Three objects: two with three rows between them, one far off."""
  objects = np.zeros((24, 40), int)
  objects[2:8, 3:15] = 4
  objects[11:20, 2:12] = 9
  objects[5:9, 33:38] = 2
  return objects


def brute_force(objects, border, sigma):
  """The second term at every pixel of the background."""
  term = np.zeros(objects.shape)
  for y, x in np.argwhere(objects == 0):
    distances = sorted(
        np.hypot(*(np.argwhere(objects == label) - (y, x)).T).min()
        for label in np.unique(objects[objects > 0])
    )
    d1, d2 = distances[:2]
    term[y, x] = border * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
  return term


@pytest.mark.parametrize("border, sigma", ((10.0, 5.0), (3.0, 2.0)))
def test_it_is_equation_2(border, sigma):
  objects = scene()
  got = lib.border_weights(
      objects, class_weights=(1.0, 2.0), border=border, sigma=sigma
  )
  want = np.where(objects == 0, 1.0, 2.0) + brute_force(objects, border, sigma)
  assert got.dtype == np.float32
  np.testing.assert_allclose(got, want, atol=2e-4 * border)


def test_the_gap_is_heaviest():
  """Between two cells, not around one that stands alone."""
  weights = lib.border_weights(scene(), class_weights=(1.0, 1.0))
  assert 8 <= np.unravel_index(weights.argmax(), weights.shape)[0] <= 10
  assert weights[9, 8] > 5
  assert weights[7, 31] < 1.01


def test_classes_weigh_the_same_in_total():
  objects = scene()
  weights = lib.border_weights(objects, border=0.0)
  inside = weights[objects > 0].sum()
  assert inside == pytest.approx(objects.size / 2, rel=1e-5)
  assert weights.sum() - inside == pytest.approx(inside, rel=1e-5)


@pytest.mark.parametrize("fill", (0, 1))
def test_images_without_a_gap_have_no_border(fill):
  """Of one object, or none, there is no second nearest."""
  objects = np.full((6, 7), fill)
  weights = lib.border_weights(objects)
  np.testing.assert_allclose(weights, 0.5, rtol=1e-6)


def test_objects_are_parts_that_share_an_edge():
  label = np.array([[1, 0, 0, 2], [0, 1, 1, 255], [0, 0, 0, 1]], np.uint8)
  parts = lib.objects_of(label)
  assert len(np.unique(parts[parts > 0])) == 3
  assert np.array_equal(parts > 0, label == 1)
  both = lib.objects_of(label, classes=(1, 2))
  assert len(np.unique(both[both > 0])) == 4


def test_what_is_out_of_range_is_refused():
  with pytest.raises(ValueError, match="sigma is 0"):
    lib.border_weights(scene(), sigma=0)
  with pytest.raises(ValueError, match="3 class weights"):
    lib.border_weights(scene(), class_weights=(1, 2, 3))


def test_membranes_of_isbi_2012_are_borders():
  """On the paper's own data the thin membranes are what becomes heavy."""
  if not ISBI.is_dir():
    pytest.skip("ISBI 2012 is not beside the repository")
  path = sorted((ISBI / "train").rglob("*label*/*.png"))[0]
  label = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127).astype(np.uint8)
  weights = lib.border_weights(lib.objects_of(label), class_weights=(1.0, 1.0))
  assert np.all(weights[label == 1] == 1)
  assert np.median(weights[label == 0]) > 5
  assert weights.max() < 11
