"""DFN: what flows where in its two networks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from segjax.models import dfn
from tests import variables as draws
from tests.models import tiny

SIZES = ((3, 5, 8), (5, 9, 6), (9, 17, 4), (17, 33, 2))
"""Height, width, channels of stages, from coarse to fine."""


def stages():
  keys = jax.random.split(jax.random.key(0), len(SIZES))
  return [jax.random.normal(k, (1, *size)) for k, size in zip(keys, SIZES)]


def moved(model, maps, at):
  """Which scores change with one of the maps."""
  variables = draws.draw(model, maps)
  apply = jax.jit(functools.partial(model.apply, variables, train=False))
  changed = list(maps)
  changed[at] = maps[at] + 1.0
  return [
      bool(np.any(np.abs(a - b) > 1e-4))
      for a, b in zip(apply(maps), apply(changed))
  ]


def test_attention_weighs_whole_channels_of_the_low_stage():
  """Fig. 2c: high + w low, with one w of 0 to 1 for each channel."""
  block = dfn.ChannelAttentionBlock()
  low, high = (
      jax.random.normal(jax.random.key(i), (2, 5, 7, 6)) for i in (0, 1)
  )
  init = jax.eval_shape(block.init, jax.random.key(2), low, high)
  variables = jax.tree.map(
      lambda x: jax.random.normal(jax.random.key(3), x.shape), init
  )
  weights = np.asarray((block.apply(variables, low, high) - high) / low)
  assert np.all(np.ptp(weights, axis=(1, 2)) < 1e-4)
  assert 0 <= weights.min() < 0.5 < weights.max() <= 1 + 1e-4
  assert np.ptp(weights, axis=0).max() > 1e-3, "other images, other weights"


def test_a_refinement_begins_with_the_unified_channels():
  """Without its last convolution the RRB is its 1x1 convolution."""
  block = dfn.RefinementResidualBlock(4, act=None)
  x = jax.random.normal(jax.random.key(0), (1, 5, 6, 3))
  variables = draws.draw(block, x)
  params = variables["params"]
  params["conv2"]["kernel"] = jnp.zeros_like(params["conv2"]["kernel"])
  want = x @ params["unify"]["kernel"][0, 0]
  got = block.apply(variables, x, train=False)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_smooth_scores_see_the_coarser_stages_alone():
  """Sec. 3.1: the network goes down from the mean of the coarsest stage."""
  network = dfn.SmoothNetwork(3, features=8)
  for i in range(4):
    assert moved(network, stages(), i) == [j >= i for j in range(4)]


def test_border_scores_see_the_finer_stages_alone():
  """Sec. 3.2: the network goes up, and stays at the finest resolution."""
  network, maps = dfn.BorderNetwork(features=8), stages()[::-1]
  for i in range(4):
    assert moved(network, maps, i) == [j >= i for j in range(4)]
  variables = draws.draw(network, maps)
  scores = network.apply(variables, maps, train=False)
  assert {x.shape for x in scores} == {(1, 17, 33, 1)}


def test_all_outputs_are_as_large_as_the_image():
  """Every output has the image's size, a border one channel (Fig. 2a)."""
  model, keys = tiny.MODELS["DFN"]
  image = jax.ShapeDtypeStruct((2, 45, 70, 3), jnp.float32)
  outputs, _ = jax.eval_shape(
      functools.partial(model.init_with_output, train=False),
      jax.random.key(0),
      image,
  )
  assert sorted(outputs) == keys
  for key, x in outputs.items():
    channels = 1 if key.startswith("border") else tiny.CLASSES
    assert x.shape == (2, 45, 70, channels)
