"""Xception: the maps of its three aligned sizes and of the original."""

import functools

import jax
import jax.numpy as jnp
import pytest

from segjax.backbones import xception
from tests import variables as draws


def shapes(model, side):
  image = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
  return jax.eval_shape(
      functools.partial(model.apply, train=False),
      draws.shapes(model, image),
      image,
  )


@pytest.mark.parametrize("depth", xception.SIZES)
def test_aligned_maps_and_depth(depth):
  """DeepLabv3+, Fig. 4; the depth counts separable convolutions once."""
  entry, middle = xception.SIZES[depth]
  assert 2 + 3 * (len(entry) + middle + 2) == depth
  features = shapes(xception.AlignedXception(entry, middle), 65)
  widths = (64, 256 if depth == 71 else 128, 728 if depth == 71 else 256)
  for i, width in enumerate((*widths, 728, 2048), start=1):
    side = -(-65 // 2**i)
    assert features[f"c{i}"].shape == (1, side, side, width)


def test_original_maps_at_its_own_size():
  """Chollet, Fig. 5: 299 pixels end at 10 x 10 x 2048."""
  features = shapes(xception.Xception(), 299)
  sides, widths = (147, 74, 37, 19, 10), (64, 128, 256, 728, 2048)
  for i, (side, width) in enumerate(zip(sides, widths), start=1):
    assert features[f"c{i}"].shape == (1, side, side, width)
