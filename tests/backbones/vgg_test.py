"""VGG: the shapes of its pools."""

import functools

import jax
import jax.numpy as jnp
import pytest

from segjax import layers
from segjax.backbones import vgg


def shapes(model, size):
  image = jax.ShapeDtypeStruct((1, *size, 3), jnp.float32)
  features, _ = jax.eval_shape(
      functools.partial(model.init_with_output, train=False),
      jax.random.key(0),
      image,
  )
  return {k: v.shape[1:] for k, v in features.items()}


@pytest.mark.parametrize("norm", (layers.Identity, layers.BatchNorm))
def test_pools_drop_the_remainder(norm):
  """Table 1 at 65x97: each pool halves, rounding down."""
  assert shapes(vgg.VGG(norm=norm), (65, 97)) == {
      "c1": (32, 48, 64),
      "c2": (16, 24, 128),
      "c3": (8, 12, 256),
      "c4": (4, 6, 512),
      "c5": (2, 3, 512),
  }


def test_caffe_s_pools_keep_the_remainder_of_a_padded_image():
  """FCN: 65 + 198 = 263, halved five times, rounding up, is 9."""
  model = vgg.VGG(first_padding=100, ceil_mode=True)
  assert shapes(model, (65, 97))["c5"] == (9, 10, 512)


def test_depth_is_counted_in_convolutions():
  for depth, sizes in vgg.STAGE_SIZES.items():
    assert sum(sizes) + 3 == depth  # Three layers are the classifier's.
