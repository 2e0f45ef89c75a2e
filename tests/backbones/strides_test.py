"""Strides that become dilations."""

import pytest

from segjax.backbones import strides


@pytest.mark.parametrize(
    "output_stride, want",
    (
        (32, [(1, 1, 1), (2, 1, 1), (2, 1, 1), (2, 1, 1)]),
        (16, [(1, 1, 1), (2, 1, 1), (2, 1, 1), (1, 1, 2)]),
        (8, [(1, 1, 1), (2, 1, 1), (1, 1, 2), (1, 2, 4)]),
        (4, [(1, 1, 1), (1, 1, 2), (1, 2, 4), (1, 4, 8)]),
    ),
)
def test_resnet_s_strides(output_stride, want):
  """(stride, own dilation, dilation of what follows) of conv2_x to conv5_x."""
  assert strides.atrous((1, 2, 2, 2), output_stride, start=4) == want


@pytest.mark.parametrize("output_stride", (0, 2, 12, 64))
def test_other_output_strides_are_errors(output_stride):
  with pytest.raises(ValueError, match=rf"{output_stride}; possible are \(4,"):
    strides.atrous((1, 2), output_stride, start=4)
