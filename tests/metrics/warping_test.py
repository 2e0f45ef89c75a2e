"""The warping error on maps whose topology can be seen, and counted."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from segjax.metrics import warping

ALL = warping.KINDS


def cells(*rows):
  """A map of cells ("o") and membranes ("|")."""
  return np.array([[c == "o" for c in row] for row in rows])


def two(at=5, width=1, size=(7, 12)):
  """Two cells with a membrane between them."""
  found = np.ones(size, bool)
  found[:, at : at + width] = False
  return found


def parts(found):
  """How many cells, and how many membranes: what is outside is one of them."""
  around = np.pad(~found, 1, constant_values=True)
  return tuple(
      cv2.connectedComponents(x.astype(np.uint8), connectivity=n)[0] - 1
      for x, n in ((found, 4), (around, 8))
  )


def blobs(seed, size=(13, 16)):
  """The truth, and the probability of cells of a guess at it."""
  rng = np.random.default_rng(seed)
  field = ndimage.gaussian_filter(
      rng.standard_normal((2, *size)), (0, 1.2, 1.2)
  )
  field /= np.abs(field).max()
  truth, guess = field[0] > -0.2, field[0] + 0.8 * field[1]
  return truth, np.clip(guess / 2 + 0.6, 0, 1)


def test_a_map_has_no_error_against_itself():
  truth, _ = blobs(0)
  assert warping.warping_error(truth, truth, kinds=ALL) == 0


@pytest.mark.parametrize("shift", (-3, 1, 2))
def test_a_shifted_membrane_is_no_error(shift):
  truth, found = two(width=3), two(5 + shift, width=3)
  assert (truth != found).sum() == 14 * abs(shift)
  np.testing.assert_array_equal(warping.warp(truth, found), found)
  assert warping.warping_error(found, truth, kinds=ALL) == 0


def test_a_membrane_farther_off_than_it_is_wide_is_both():
  """Only pixels that differ are warped, none of those between."""
  truth, found = two(), two(8)
  error = warping.warping_error
  assert error(found, truth, kinds=("merger",)) * truth.size == 7
  assert error(found, truth, kinds=("split",)) * truth.size == 1


@pytest.mark.parametrize("width", (2, 4))
def test_a_thick_membrane_is_no_error(width):
  for truth, found in ((two(), two(width=width)), (two(width=width), two())):
    assert warping.warping_error(found, truth, kinds=ALL) == 0


@pytest.mark.parametrize("width, gap, left", ((1, 1, 1), (1, 3, 3), (3, 1, 1)))
def test_a_broken_membrane_is_a_merger(width, gap, left):
  """The cells come as near as they can; what is between them is wrong."""
  truth = two(width=width)
  found = truth.copy()
  found[2 : 2 + gap] = True
  of = lambda *kinds: warping.warping_error(found, truth, kinds=kinds)
  assert of("merger") * truth.size == left
  assert of("split") == 0
  assert of(*ALL) == of("merger") == warping.warping_error(found, truth)


def test_a_membrane_that_is_not_there_is_a_split():
  truth, found = np.ones((7, 12), bool), two()
  # The truth can grow a tongue from the edge; its last pixel would split.
  assert warping.warping_error(found, truth, kinds=("split",)) == 1 / 84
  assert warping.warping_error(found, truth, kinds=ALL) == 1 / 84


def test_holes_and_objects_count_as_their_own():
  plain = np.ones((9, 9), bool)
  hole = plain.copy()
  hole[3:6, 3:6] = False
  error = warping.warping_error
  assert error(hole, plain) == 0
  assert error(hole, plain, kinds=("hole_added",)) == 9 / 81
  assert error(hole, plain, kinds=ALL) == 9 / 81
  # A hole of the truth shrinks to one pixel, and so does a cell.
  assert error(plain, hole, kinds=("hole_deleted",)) == 1 / 81
  assert error(plain, hole, kinds=ALL) == 1 / 81
  assert error(~hole, ~plain, kinds=("object_added",)) == 9 / 81
  assert error(~plain, ~hole, kinds=("object_deleted",)) == 1 / 81
  assert error(~plain, ~hole) == 0


def test_cells_do_not_touch_across_corners():
  truth = cells("oo|", "oo|", "||o")
  found = cells("oo|", "oo|", "|oo")
  assert warping.warping_error(found, truth, kinds=("merger",)) == 1 / 9
  ring = cells("|||||", "|ooo|", "|o|o|", "|oo||", "|||||")
  open_ = cells("|||||", "|ooo|", "|o|o|", "|ooo|", "|||||")
  assert parts(ring) == (1, 1)
  assert warping.warping_error(open_, ring, kinds=("hole_added",)) == 1 / 25
  assert warping.warping_error(ring, open_, kinds=("hole_deleted",)) == 1 / 25


def slow_warp(truth, found, certainty):
  """Whole rounds, where a pixel is simple if no part appears or is lost."""
  now, before = truth.copy(), None
  while before is None or not np.array_equal(now, before):
    before = now.copy()
    wrong = [(y, x) for x, y in np.argwhere((now != found).T)]
    for y, x in sorted(wrong, key=lambda at: -certainty[at]):
      flipped = now.copy()
      flipped[y, x] ^= True
      if parts(flipped) == parts(now):
        now = flipped
  return now


@pytest.mark.parametrize("seed", range(6))
def test_rounds_over_the_whole_map_give_the_same(seed):
  truth, probability = blobs(seed)
  if seed % 2:
    probability = np.round(probability * 4) / 4
  found, certainty = probability > 0.5, np.abs(probability - 0.5)
  want = slow_warp(truth, found, certainty)
  np.testing.assert_array_equal(warping.warp(truth, found, certainty), want)
  assert (truth != want).any()
  left = warping.differences(want, found)
  np.testing.assert_array_equal(left > 0, want != found)
  label = lambda x: cv2.connectedComponents(x.astype(np.uint8), connectivity=4)
  for y, x in np.argwhere(want & ~found):
    around = np.s_[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
    if len(np.unique(label(want)[1][around])) < 3:
      flipped = want.copy()
      flipped[y, x] = False
      split = len(np.unique(label(flipped)[1][around])) > 2
      assert split == (ALL[left[y, x] - 1] == "split")


def test_nothing_is_warped_outside_of_the_mask():
  truth, found = two(), two(7)
  mask = np.zeros(truth.shape, bool)
  mask[:, :6] = True
  warped = warping.warp(truth, found, mask=mask)
  np.testing.assert_array_equal(warped[:, 6:], truth[:, 6:])
  error = warping.warping_error(found, truth, mask=mask, kinds=ALL)
  assert 0 < error == np.sum((warped != found)[:, :6]) / truth.size


def test_what_cannot_be_compared_is_named():
  truth = two()
  error = warping.warping_error
  with pytest.raises(ValueError, match=r"\(7, 11\) for a truth \(7, 12\)"):
    error(truth[:, 1:], truth)
  with pytest.raises(ValueError, match="0 to 1"):
    error(np.where(truth, np.nan, 0.0), truth)
  with pytest.raises(ValueError, match="it has 255"):
    error(truth, truth.astype(np.uint8) * 255)
  with pytest.raises(ValueError, match="no kind hole; there are split, merg"):
    error(truth, truth, kinds=("hole",))
