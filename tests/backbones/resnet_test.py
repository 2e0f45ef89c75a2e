"""ResNet: shapes, atrous consistency, and every option's effect."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import resnet
from tests import variables as draws

KINDS = {
    "basic": {"bottleneck": False},
    "bottleneck": {},
    "resnext": {"groups": 4, "width_per_group": 16},
    "deep_stem": {"deep_stem": (2, 2, 4)},
}


def tiny(**options):
  return resnet.ResNet(**{"stage_sizes": (1, 1, 2, 2), "width": 4} | options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("output_stride", (8, 16, 32))
def test_atrous_features_are_the_dense_ones_subsampled(kind, output_stride):
  """A stride moved into dilation must not change what is computed."""
  image = jax.random.normal(jax.random.key(0), (1, 65, 65, 3))
  dense = tiny(output_stride=4, **KINDS[kind])
  coarse = tiny(output_stride=output_stride, **KINDS[kind])
  variables = draws.draw(dense, image)
  every = output_stride // 4
  want = dense.apply(variables, image, train=False)["c5"][:, ::every, ::every]
  got = coarse.apply(variables, image, train=False)["c5"]
  np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-4)


def test_multi_grid_is_consistent_too():
  """Its rates multiply the dilation, so subsampling still agrees."""
  image = jax.random.normal(jax.random.key(0), (1, 65, 65, 3))
  dense = tiny(output_stride=4, multi_grid=(2, 3))
  coarse = tiny(output_stride=16, multi_grid=(2, 3))
  plain = tiny(output_stride=16)
  variables = draws.draw(dense, image)
  want = dense.apply(variables, image, train=False)["c5"][:, ::4, ::4]
  got = coarse.apply(variables, image, train=False)["c5"]
  np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-4)
  other = plain.apply(variables, image, train=False)["c5"]
  assert np.abs(got - other).max() > 1e-2


@pytest.mark.parametrize(
    "options",
    (
        {"contract_dilation": False},
        {"multi_grid": (1, 2), "multi_grid_replaces": True},
        {"bottleneck": False, "dilate_conv2": False},
    ),
)
def test_deviations_compute_something_else_with_the_same_weights(options):
  """What a reference does differently is an option that changes no name."""
  image = jax.random.normal(jax.random.key(0), (1, 65, 65, 3))
  alone = {k: v for k, v in options.items() if k in ("bottleneck",)}
  ours, theirs = tiny(output_stride=8, **alone), tiny(
      output_stride=8, **options
  )
  variables = draws.draw(ours, image)
  difference = (
      ours.apply(variables, image, train=False)["c5"]
      - theirs.apply(variables, image, train=False)["c5"]
  )
  assert np.abs(difference).max() > 1e-2


@pytest.mark.parametrize("size", ((64, 96), (65, 97), (33, 50), (7, 5)))
@pytest.mark.parametrize("output_stride", (4, 8, 16, 32))
def test_every_feature_has_its_stride(size, output_stride):
  """ceil(size / stride) pixels, for every size of image."""
  model = tiny(output_stride=output_stride)
  image = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
  features, _ = jax.eval_shape(
      functools.partial(model.init_with_output, train=True),
      jax.random.key(0),
      image,
  )
  for i, width in zip(range(1, 6), (4, 16, 32, 64, 128)):
    stride = min(2**i, output_stride)
    want = (2, *(-(-s // stride) for s in size), width)
    assert features[f"c{i}"].shape == want


def test_average_down_samples_before_the_shortcut_s_convolution():
  """ResNet-D: of a constant image nothing changes, of noise everything."""
  image = jax.random.normal(jax.random.key(0), (1, 33, 33, 3))
  model, averaged = tiny(), tiny(avg_down=True)
  variables = draws.draw(model, image)
  difference = (
      model.apply(variables, image, train=False)["c3"]
      - averaged.apply(variables, image, train=False)["c3"]
  )
  assert difference.shape == (1, 5, 5, 32)
  assert np.abs(difference).max() > 1e-2


@pytest.mark.parametrize(
    "options, message",
    (
        ({"output_stride": 12}, "output_stride is 12; possible are"),
        ({"stage_sizes": (2, 2, 2)}, "four stages"),
        ({"multi_grid": (1, 2, 4)}, "one rate for each of the 2 blocks"),
        ({"bottleneck": False, "groups": 32}, "need bottleneck=True"),
    ),
)
def test_impossible_options_are_errors(options, message):
  with pytest.raises(ValueError, match=message):
    tiny(**options).init(
        jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False
    )


@pytest.mark.parametrize("stride_first", (False, True))
def test_a_stride_in_the_first_convolution_skips_pixels(stride_first):
  """1x1 at stride 2 never sees an odd pixel; a 3x3 convolution does."""
  block = resnet.Bottleneck(2, 8, stride=2, stride_first=stride_first)
  x = jax.random.normal(jax.random.key(0), (1, 8, 8, 4))
  variables = draws.draw(block, x)
  apply = functools.partial(block.apply, variables, train=False)
  same = np.array_equal(apply(x), apply(x.at[:, 1::2, 1::2].add(1.0)))
  assert same == stride_first


def test_caffe_s_pool_keeps_the_remainder_of_an_even_size():
  """68 pixels are 34 behind the stem, and 17 or 18 behind the pool."""
  image = jax.ShapeDtypeStruct((1, 68, 65, 3), jnp.float32)
  for ceil_mode, want in ((False, (17, 17)), (True, (18, 17))):
    model = tiny(ceil_mode=ceil_mode)
    features = jax.eval_shape(
        functools.partial(model.apply, train=False),
        draws.shapes(model, image),
        image,
    )
    assert features["c2"].shape[1:3] == want


def test_a_basic_block_has_no_first_1x1_to_take_the_stride():
  model = tiny(bottleneck=False, stride_first=True)
  with pytest.raises(ValueError, match="stride_first needs bottleneck"):
    draws.shapes(model, jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32))
