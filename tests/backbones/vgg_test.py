"""VGG: the shapes of its pools."""

import functools

import jax
import jax.numpy as jnp
import pytest

from segjax import layers
from segjax.backbones import vgg
from tests import variables as draws


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


@pytest.mark.parametrize("output_stride", (4, 8, 16))
def test_the_hole_algorithm_keeps_the_maps_at_its_stride(output_stride):
  """DeepLab: pools of 3 without a stride, and the same weights."""
  strided = vgg.VGG(pool_size=3, ceil_mode=True)
  holes = strided.clone(output_stride=output_stride)
  features = shapes(holes, (65, 97))
  for i in range(1, 6):
    stride = min(2**i, output_stride)
    assert features[f"c{i}"][:2] == (64 // stride + 1, 96 // stride + 1)
  image = jax.ShapeDtypeStruct((1, 65, 97, 3), jnp.float32)
  assert draws.shapes(holes, image) == draws.shapes(strided, image)


def test_pools_may_go_and_take_all_padding_with_them():
  """Yu and Koltun: 900 pixels become 66 + 24 features (fc6 takes 24)."""
  model = vgg.VGG(
      first_padding=0, padding=False, output_stride=8, dense_pools=False
  )
  assert shapes(model, (900, 900))["c5"] == (90, 90, 512)


@pytest.mark.parametrize(
    "options, message",
    (
        ({"stage_sizes": (1, 1)}, "five stages"),
        ({"pool_size": 4}, "pool_size is 4"),
        ({"output_stride": 8}, "output_stride 8 needs pool_size=3"),
        ({"output_stride": 5, "pool_size": 3}, "output_stride is 5"),
    ),
)
def test_what_does_not_fit_is_named(options, message):
  with pytest.raises(ValueError, match=message):
    shapes(vgg.VGG(**options), (32, 32))
