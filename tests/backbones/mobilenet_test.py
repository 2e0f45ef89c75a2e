"""MobileNetV2: shapes, widths and atrous consistency."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import mobilenet
from tests import variables as draws

IMAGE = jax.random.normal(jax.random.key(0), (1, 65, 65, 3))


@functools.cache
def dense():
  """Variables, and the features at output stride 4."""
  model = mobilenet.MobileNetV2(output_stride=4, width=0.1)
  variables = draws.draw(model, IMAGE)
  return variables, apply(model, variables)


def apply(model, variables):
  return jax.jit(functools.partial(model.apply, train=False))(variables, IMAGE)


@pytest.mark.parametrize("output_stride", (8, 16, 32))
def test_atrous_features_are_the_dense_ones_subsampled(output_stride):
  """A stride moved into dilation must not change what is computed."""
  variables, features = dense()
  every = output_stride // 4
  want = features["c5"][:, ::every, ::every]
  coarse = mobilenet.MobileNetV2(output_stride, width=0.1)
  got = apply(coarse, variables)["c5"]
  assert np.std(want) > 1e-3
  np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-4 * np.std(want))


@pytest.mark.parametrize("size", ((64, 96), (65, 97), (7, 5)))
@pytest.mark.parametrize("output_stride", (4, 8, 16, 32))
def test_every_feature_has_its_stride(size, output_stride):
  """Table 2's channels, ceil(size / stride) pixels."""
  model = mobilenet.MobileNetV2(output_stride)
  image = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
  features, _ = jax.eval_shape(
      functools.partial(model.init_with_output, train=True),
      jax.random.key(0),
      image,
  )
  for i, width in zip(range(1, 6), (16, 24, 32, 96, 320)):
    stride = min(2**i, output_stride)
    want = (2, *(-(-s // stride) for s in size), width)
    assert features[f"c{i}"].shape == want


@pytest.mark.parametrize(
    "channels, want", ((32, 32), (3.2, 8), (11.2, 16), (33.6, 32), (44.8, 48))
)
def test_widths_are_multiples_of_eight_and_lose_at_most_a_tenth(channels, want):
  """11.2 is nearest to 8, which is less than 90% of it, so 16."""
  assert mobilenet.divisible(channels) == want


def test_the_authors_deeplab_halves_the_channels_as_they_are():
  """The third stage has 24 channels; half of them is no multiple of eight."""
  image = jax.ShapeDtypeStruct((1, 65, 65, 3), jnp.float32)
  model = mobilenet.MobileNetV2(width=0.5, divisor=1)
  params = draws.shapes(model, image)["params"]
  widths = [
      params[f"block{i}"]["project"]["conv"]["kernel"].shape[-1]
      for i in (1, 2, 4, 7, 11, 14, 17)
  ]
  assert widths == [8, 12, 16, 32, 48, 80, 160]
