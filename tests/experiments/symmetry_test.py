"""Views of an image, turned and mirrored."""

import numpy as np
import pytest

from experiments import symmetry

IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)


@pytest.mark.parametrize("views", range(1, 9))
def test_what_does_not_depend_on_the_view_comes_back(views):
  found = symmetry.average(lambda x: x[..., 1] / 255, IMAGE, views)
  np.testing.assert_allclose(found, IMAGE[..., 1] / 255, rtol=1e-6)


def test_each_view_is_another():
  seen = []
  symmetry.average(lambda x: (seen.append(x), x[..., 0])[1], IMAGE, 8)
  np.testing.assert_array_equal(seen[0], IMAGE)
  np.testing.assert_array_equal(seen[1], np.rot90(IMAGE))
  np.testing.assert_array_equal(seen[4], IMAGE[:, ::-1])
  assert [x.shape[:2] for x in seen] == [(4, 6), (6, 4)] * 4
  assert len({(x.shape, x.tobytes()) for x in seen}) == 8


def test_the_mean_over_all_has_no_preferred_side():
  rows = lambda x: np.arange(x.shape[0])[:, None] + np.zeros(x.shape[:2])
  found = symmetry.average(rows, IMAGE[:4, :4], 8)
  np.testing.assert_allclose(found, 1.5)
  assert symmetry.average(rows, IMAGE[:4, :4], 1)[0, 0] == 0


@pytest.mark.parametrize("views", (0, 9))
def test_there_are_eight(views):
  with pytest.raises(ValueError, match="1 to 8"):
    symmetry.average(lambda x: x[..., 0], IMAGE, views)
