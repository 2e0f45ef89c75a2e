"""MobileNetV3: its tables, its maps, and what dilation means for them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import mobilenet_v3
from tests import variables as draws

IMAGE = jax.random.normal(jax.random.key(0), (1, 64, 64, 3))


@pytest.mark.parametrize(
    "blocks, widths",
    (
        (mobilenet_v3.LARGE, (16, 24, 40, 112, 960)),
        (mobilenet_v3.SMALL, (16, 16, 24, 48, 576)),
    ),
)
def test_maps_are_the_last_of_their_stride(blocks, widths):
  """Tables 1 and 2; every bottleneck is there under its own name too."""
  model = mobilenet_v3.MobileNetV3(blocks)
  image = jax.ShapeDtypeStruct((1, 65, 97, 3), jnp.float32)
  features = jax.eval_shape(
      functools.partial(model.apply, train=False),
      draws.shapes(model, image),
      image,
  )
  for i, width in enumerate(widths, start=1):
    size = tuple(-(-s // 2**i) for s in (65, 97))
    assert features[f"c{i}"].shape == (1, *size, width)
  for i, block in enumerate(blocks, start=1):
    assert features[f"block{i}"].shape[-1] == block[2]


def test_squeeze_and_excite_weighs_channels_by_the_whole_map():
  """The weight is the hard sigmoid of the mean here: (x + 3) / 6."""
  x = jnp.ones((1, 8, 8, 16)).at[0, 0, 0].set(0.0)
  module = mobilenet_v3.SqueezeExcite()
  params = {
      name: {
          "kernel": jnp.full((1, 1, inputs, features), 1 / inputs),
          "bias": jnp.zeros(features),
      }
      for name, inputs, features in (("reduce", 16, 8), ("expand", 8, 16))
  }
  got = module.apply({"params": params}, x)
  np.testing.assert_allclose(got[0, 4, 4], (63 / 64 + 3) / 6, rtol=1e-6)
  np.testing.assert_array_equal(got[0, 0, 0], 0)


def test_torchvision_s_dilation_is_of_the_same_weights():
  """There the bottleneck that lost its stride is dilated itself."""
  blocks = (
      (3, 16, 8, False, False, 2),
      (3, 16, 8, True, False, 2),
      (3, 16, 8, False, True, 2),
      (5, 16, 8, True, True, 2),
  )
  ours = mobilenet_v3.MobileNetV3(blocks, output_stride=16)
  theirs = ours.clone(contract_dilation=False)
  variables = draws.draw(ours, IMAGE)
  ours = draws.forward(ours, variables, IMAGE)
  theirs = draws.forward(theirs, variables, IMAGE)
  np.testing.assert_array_equal(ours["c4"], theirs["c4"])
  assert ours["c5"].shape == theirs["c5"].shape
  assert np.abs(ours["c5"] - theirs["c5"]).max() > 1e-3
