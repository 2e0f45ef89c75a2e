"""NASNet: its channels, and the two ways its reductions pad."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import nasnet
from tests import variables as draws


@pytest.mark.parametrize("size, image", (("mobile", 224), ("large", 331)))
def test_maps_at_the_networks_own_size(size, image):
  """Six states of F, 2F and 4F channels, the last 24F (Table 2's name)."""
  options = nasnet.SIZES[size] | {"cells": 1}
  model = nasnet.NASNet(**options)
  shape = jax.ShapeDtypeStruct((1, image, image, 3), jnp.float32)
  features = jax.eval_shape(
      functools.partial(model.apply, train=False),
      draws.shapes(model, shape),
      shape,
  )
  sides = {224: (111, 56, 28, 14, 7), 331: (165, 83, 42, 21, 11)}[image]
  width = model.penultimate // 24
  widths = (model.stem, width, 6 * width, 12 * width, 24 * width)
  for i, (side, channels) in enumerate(zip(sides, widths), start=1):
    assert features[f"c{i}"].shape == (1, side, side, channels)


def test_a_separable_convolution_pads_an_even_map_as_tensorflow():
  """One pixel less in front; an odd map is padded alike in both ways."""
  same = nasnet.Separable(2, 3, stride=2, same=True)
  both = same.clone(same=False)
  even = jax.random.normal(jax.random.key(0), (1, 8, 8, 2))
  variables = draws.draw(same, even)

  def first(module, x):
    _, state = module.apply(
        variables, x, train=False, capture_intermediates=True, mutable=True
    )
    return state["intermediates"]["depthwise1"]["__call__"][0]

  kernel = variables["params"]["depthwise1"]["kernel"]
  positive = jax.nn.relu(even)
  want = jnp.einsum("hwc,hwc->c", positive[0, :3, :3], kernel[:, :, 0])
  np.testing.assert_allclose(first(same, even)[0, 0, 0], want, atol=1e-5)
  want = jnp.einsum("hwc,hwc->c", positive[0, :2, :2], kernel[1:, 1:, 0])
  np.testing.assert_allclose(first(both, even)[0, 0, 0], want, atol=1e-5)
  odd = even[:, :7, :7]
  np.testing.assert_array_equal(first(same, odd), first(both, odd))


def test_a_factorized_reduction_takes_even_and_odd_pixels():
  """Behind the last odd pixel of an odd map there is a zero."""
  x = jnp.arange(1.0, 6.0).reshape(1, 5, 1, 1) * jnp.ones((1, 5, 5, 2))
  module = nasnet.FactorizedReduction(2)
  variables = module.init(jax.random.key(0), x, train=False)
  params = variables["params"] | {
      name: {"kernel": jnp.ones((1, 1, 2, 1)) / 2} for name in ("even", "odd")
  }
  got = module.apply({**variables, "params": params}, x, train=False)
  scale = 1 / np.sqrt(1 + 1e-3)
  np.testing.assert_allclose(got[0, :, 0, 0], np.array([1, 3, 5]) * scale)
  np.testing.assert_allclose(got[0, :, 0, 1], np.array([2, 4, 0]) * scale)


@pytest.mark.parametrize("skip, channels", ((False, 24), (True, 8)))
def test_the_skip_behind_a_reduction_changes_the_second_input(skip, channels):
  """Six states of F = 4, the reduction's input, or the four of the stem."""
  model = nasnet.NASNet(1, 96, 4, skip=skip)
  image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  params = draws.shapes(model, image)["params"]
  kernel = params["stage1_cell0"]["fit"]["even"]["kernel"]
  assert kernel.shape == (1, 1, channels, 4)
