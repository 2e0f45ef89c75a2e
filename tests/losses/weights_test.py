"""Class weights by their published formulas."""

import pathlib

import cv2
import numpy as np
import pytest

from segjax.losses import weights

CAMVID = pathlib.Path(__file__).parents[3] / "shared/data/camvid/trainannot"

COUNTS = np.array([[30, 10, 0, 0], [10, 0, 20, 0], [0, 0, 10, 0]])


def test_counts_are_of_labelled_pixels_by_image():
  labels = [np.array([[0, 1, 1], [255, 3, 9]]), np.full((2, 2), 255)]
  np.testing.assert_array_equal(
      weights.count(labels, 4), [[1, 2, 0, 1], [0, 0, 0, 0]]
  )
  assert weights.count([], 4).shape == (0, 4)


def test_median_frequency_counts_the_images_that_show_a_class():
  """Frequencies 40 / 70, 10 / 40 and 30 / 40, whose median is 4 / 7."""
  np.testing.assert_allclose(
      weights.median_frequency(COUNTS), [1, 16 / 7, 16 / 21, 0]
  )


def test_inverse_frequency_leaves_the_mean_pixel_at_1():
  found = weights.inverse_frequency(COUNTS)
  pixels = COUNTS.sum(0)
  np.testing.assert_allclose(found[:3] * pixels[:3], 80 / 3)
  np.testing.assert_allclose((found * pixels).sum() / pixels.sum(), 1)
  assert found[3] == 0


def test_enets_weights_are_bounded():
  """1.42 for a class that is everywhere, 50 for one that is nowhere."""
  np.testing.assert_allclose(
      weights.enet(np.array([[10, 0]])), [1.42, 50.5], rtol=2e-3
  )


@pytest.mark.parametrize("name", weights.BALANCES)
def test_nothing_labelled_gives_finite_weights(name):
  found = weights.BALANCES[name](np.zeros((0, 3), int))
  assert found.shape == (3,)
  assert np.isfinite(found).all()


def test_camvids_weights_are_about_those_of_segnet():
  """SegNet's published ones: their order, and each within a half."""
  if not CAMVID.is_dir():
    pytest.skip("the CamVid frames are not beside the project")
  files = sorted(CAMVID.glob("*.png"))
  assert len(files) == 367
  labels = (cv2.imread(str(f), cv2.IMREAD_GRAYSCALE) for f in files)
  found = weights.median_frequency(weights.count(labels, 11))
  segnet = np.array([
      0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826,
      9.6446, 1.8418, 0.6823, 6.2478, 7.3614,
  ])  # fmt: skip
  others = np.arange(11) != 6  # The signs: their labels have since changed.
  ratio = found[others] / segnet[others]
  assert ratio.min() > 1
  assert ratio.max() < 1.25
