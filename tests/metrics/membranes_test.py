"""The challenge's figures, by pairs of pixels and on the real slices."""

import itertools
import pathlib
import time

import cv2
import numpy as np
import pytest
from scipy import ndimage

from segjax import metrics
from segjax.metrics import membrane_scores, membranes, warping

ISBI = pathlib.Path(__file__).parents[2].parent / "shared/data/isbi2012"


def two(size=(6, 11), width=1):
  """Two cells of the same size with a membrane between them."""
  found = np.ones(size, bool)
  found[:, 5 : 5 + width] = False
  return found


def blobs(seed, size):
  rng = np.random.default_rng(seed)
  return ndimage.gaussian_filter(rng.standard_normal(size), 1) > -0.15


def test_a_map_has_no_error_against_itself():
  truth = blobs(0, (20, 30))
  assert metrics.pixel_error(truth, truth) == 0
  assert metrics.rand_error(truth, truth) == 0
  # Thinning gives pixels of true membranes to cells, which does not count.
  assert metrics.v_rand(truth, truth) == 1
  assert metrics.v_info(truth, truth) == pytest.approx(1)


def test_pixel_error_by_hand():
  truth = np.array([[1, 1, 1, 0, 0]])
  probability = np.array([[0.9, 0.6, 0.4, 0.55, 0.1]])
  # 2 right, 1 missed, 1 too many: F = 4 / 6.
  assert metrics.pixel_error(probability, truth) == pytest.approx(1 / 3)
  error = metrics.pixel_error(probability, truth, threshold=0.6)
  assert error == pytest.approx(1 - 2 / 4)  # The threshold is no cell.
  assert metrics.pixel_error(0 * truth, 0 * truth) == 0
  assert metrics.pixel_error(truth, 0 * truth) == 1


@pytest.mark.parametrize("seed", range(4))
def test_rand_error_by_all_pairs(seed):
  truth = two((8, 11))
  truth[3] = False
  noise = np.random.default_rng(seed).uniform(size=truth.shape)
  found = np.where(truth, noise < 0.85, noise < 0.5)
  true, guess = (ndimage.label(x)[0] for x in (truth, found))
  inside = [tuple(at) for at in np.argwhere(truth)]
  hit = missed = extra = 0
  for a, b in itertools.combinations(inside, 2):
    together = true[a] == true[b]
    claimed = guess[a] == guess[b] and guess[a] > 0
    hit += together and claimed
    missed += together and not claimed
    extra += claimed and not together
  assert extra
  assert missed
  want = 1 - 2 * hit / (2 * hit + missed + extra)
  assert metrics.rand_error(found, truth) == pytest.approx(want)


def test_two_merged_cells_by_hand():
  """Cells of n = 30 pixels: of 60 * 59 / 2 pairs, 2 * 30 * 29 / 2 are right."""
  truth, found = two(), two()
  found[3] = True
  pairs = lambda n: n * (n - 1) / 2
  precision = 2 * pairs(30) / pairs(60)
  want = 1 - 2 * precision / (precision + 1)
  assert metrics.rand_error(found, truth) == pytest.approx(want)
  # 2 * (1/4 + 1/4) / (1/4 + 1/4 + 1), and one segment tells nothing.
  assert metrics.v_rand(found, truth) == pytest.approx(2 / 3)
  assert metrics.v_info(found, truth) == pytest.approx(0, abs=1e-12)


def test_a_split_cell_by_hand():
  """A membrane of 6 pixels cuts 66 into 30, 30 and 6 of their own."""
  truth, found = np.ones((6, 11), bool), two()
  both = 2 * 30**2 + 6
  want = 2 * both / (both + 66**2)
  assert metrics.v_rand(found, truth) == pytest.approx(want)
  assert metrics.v_info(found, truth) == pytest.approx(0, abs=1e-12)
  pairs = 2 * 30 * 29
  want = 1 - 2 * pairs / (pairs + 66 * 65)
  assert metrics.rand_error(found, truth) == pytest.approx(want)


def test_information_by_hand():
  """Four cells of a quarter each, of which the right two are merged."""
  truth = np.zeros((7, 7), bool)
  truth[:3, :3] = truth[4:, :3] = truth[:3, 4:] = truth[4:, 4:] = True
  found = truth.copy()
  found[3, 4:] = True
  # H(T) = 2 bits, H(S) = 1.5 bits, and S follows from T: I = H(S).
  assert metrics.v_info(found, truth) == pytest.approx(1.5 / 1.75)
  # Quarters: both and true are 4 / 16, found is 2 / 16 + 1 / 4.
  assert metrics.v_rand(found, truth) == pytest.approx(2 * 4 / (4 + 6))


@pytest.mark.parametrize("width", range(1, 7))
def test_thinning_leaves_a_line_in_the_middle(width):
  cells = two((6, 10 + width), width)
  thinned = membranes.thin(cells)
  dam = 5 + width // 2
  np.testing.assert_array_equal(thinned[:, :dam], 1)
  np.testing.assert_array_equal(thinned[:, dam + 1 :], 2)
  np.testing.assert_array_equal(thinned[:, dam], 0)


def test_thinning_merges_nothing_and_stops_where_cells_meet():
  cells = blobs(3, (40, 50)) & blobs(5, (40, 50))
  label, thinned = membranes.segments(cells), membranes.thin(cells)
  np.testing.assert_array_equal(thinned[cells], label[cells])
  assert label.max() > 10
  for one, other in (
      (thinned[1:], thinned[:-1]),
      (thinned[:, 1:], thinned[:, :-1]),
  ):
    assert not np.any((one != other) & (one > 0) & (other > 0))
  assert np.mean(thinned == 0) < np.mean(~cells) / 2
  assert not membranes.thin(np.zeros((3, 4), bool)).any()


def test_one_threshold_is_chosen_for_all_slices():
  truth = two()
  leaky, torn = (np.where(truth, 0.85, 0.15) for _ in range(2))
  leaky[2, 5] = 0.55  # Perfect above 0.55...
  torn[:, 2] = 0.65  # ...and below 0.65.
  scores = metrics.MembraneScores()
  scores.add(leaky, truth)
  scores.add(torn, truth)
  report = scores.summarize()
  for name in ("pixel_error", "rand_error", "warping_error", "wrong_pixels"):
    assert report[name] == 0
    assert report["best_thresholds"][name] == 0.6
    assert report["by_slice"][name] == [0, 0]
  assert report["v_rand"] == 1
  assert report["best_thresholds"]["v_info"] == 0.6
  assert report["slices"] == 2
  curve = report["by_threshold"]
  low, high = (curve["threshold"].index(t) for t in (0.5, 0.7))
  assert curve["warping_error"][low] == 1 / (2 * truth.size)  # A merger.
  assert curve["pixel_error"][low] == pytest.approx(1 / (2 * 120 + 1))
  assert curve["warping_error"][high] == 1 / (2 * truth.size)  # A split.
  assert curve["pixel_error"][high] == pytest.approx(6 / (2 * 114 + 6))
  assert curve["v_rand"][low] < curve["v_rand"][high] < 1
  with pytest.raises(ValueError, match="no slice"):
    metrics.MembraneScores().summarize()


def test_the_figures_of_a_slice_are_those_of_the_functions():
  truth = blobs(1, (30, 40))
  noise = np.random.default_rng(2).uniform(0, 0.6, truth.shape)
  probability = 0.4 * truth + noise
  scores = metrics.MembraneScores(thresholds=(0.45,))
  scores.add(probability, truth)
  report = scores.summarize()
  for function in (
      metrics.pixel_error,
      metrics.rand_error,
      metrics.v_rand,
      metrics.v_info,
      metrics.warping_error,
  ):
    value = function(probability, truth, threshold=0.45)
    assert 0 < value < 1
    assert report[function.__name__] == pytest.approx(value)
  every = metrics.warping_error(
      probability, truth, threshold=0.45, kinds=warping.KINDS
  )
  assert report["topological_error"] == every > report["warping_error"]


@pytest.mark.skipif(not ISBI.exists(), reason="needs ../shared/data/isbi2012")
def test_the_real_slices():
  """Thicker membranes: pixels are wrong, cells are not; and in time."""
  path = str(ISBI / "train/labels/24.png")
  truth = cv2.imread(path, cv2.IMREAD_GRAYSCALE) > 127
  assert metrics.warping_error(truth, truth, kinds=warping.KINDS) == 0
  thick = cv2.erode(truth.astype(np.uint8), np.ones((3, 3), np.uint8))
  assert metrics.pixel_error(thick, truth) > 0.04
  assert metrics.warping_error(thick, truth) < 0.001
  assert metrics.rand_error(thick, truth) > 0.04
  assert metrics.v_rand(thick, truth) > 0.99
  assert metrics.v_info(thick, truth) > 0.99
  noise = np.random.default_rng(0).standard_normal(truth.shape)
  smooth = ndimage.gaussian_filter(truth + 0.8 * noise, 1.5)
  scores = metrics.MembraneScores()
  began = time.process_time()
  scores.add(np.clip(smooth, 0, 1), truth)
  assert time.process_time() - began < 15
  assert len(membrane_scores.THRESHOLDS) == 9
  assert scores.summarize()["v_rand"] > 0.9
