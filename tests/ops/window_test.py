"""Windows cover an axis, and their weights are positive."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from segjax.ops import window as windows


@given(st.integers(1, 60), st.integers(0, 200), st.data())
def test_windows_cover_the_axis_without_gaps(window, more, data):
  stride = data.draw(st.integers(1, window))
  length = window + more
  starts = windows.window_starts(length, window, stride)
  assert (starts[0], starts[-1]) == (0, length - window)
  steps = np.diff(starts)
  assert np.all((steps > 0) & (steps <= stride))
  assert len(starts) == -(-more // stride) + 1, "as few as possible"


@pytest.mark.parametrize("window, stride", ((9, 4), (4, 0), (4, 5)))
def test_what_cannot_cover_is_refused(window, stride):
  with pytest.raises(ValueError, match=f"windows of {window} every {stride}"):
    windows.window_starts(8, window, stride)


@pytest.mark.parametrize("blend", windows.BLENDS)
@pytest.mark.parametrize("size", ((7, 8), (1, 2), (512, 400)))
def test_weights_are_symmetric_and_largest_in_the_middle(blend, size):
  weights = windows.blend_weights(size, blend)
  assert (weights.shape, weights.dtype) == (size, np.float32)
  assert weights.min() > 0
  assert weights.max() == 1
  np.testing.assert_allclose(weights, weights[::-1, ::-1], rtol=1e-6)
  assert weights[size[0] // 2, size[1] // 2] == 1
  assert (weights.min() == 1) == (blend == "uniform" or size == (1, 2))


def test_an_unknown_blend_is_answered_with_the_known():
  with pytest.raises(ValueError, match="'cubic'; there are uniform, linear"):
    windows.blend_weights((4, 4), "cubic")
