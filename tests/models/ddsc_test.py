"""DDSC: the dense shortcuts of its decoder."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers
from segjax.backbones import resnet
from segjax.models import ddsc
from tests import variables as draws


def tiny(**options):
  backbone = resnet.ResNet(stage_sizes=(1, 1, 1, 1), width=4)
  keywords = {"features": (16, 8, 8, 8), "groups": 2} | options
  return ddsc.DDSC(3, backbone, adapt_blocks=1, blocks=1, **keywords)


@pytest.mark.parametrize("dense", (True, False))
def test_a_block_sees_all_blocks_above_it(dense):
  """Each level fuses its own map with those above, or with the last alone."""
  image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  params = draws.shapes(tiny(dense=dense), image)["params"]
  assert "fusion" not in params["decode5"]
  for level, above in ((4, [16]), (3, [8, 16]), (2, [8, 8, 16])):
    above = above if dense else above[:1]
    fusion = params[f"decode{level}"]["fusion"]
    widths = [
        fusion[f"conv{i}"]["conv"]["kernel"].shape[2]
        for i in range(len(fusion))
    ]
    assert widths == [8, *above]


@pytest.mark.parametrize("level", (0, 1, 2, 3))
def test_fusion_adds_every_resolution_at_the_first_s_size(level):
  """A constant on one map alone becomes a constant; the sum has no other."""
  fusion = ddsc.Fusion(2, norm=layers.Identity)
  maps = [jnp.zeros((1, s, s + 2, 3)) for s in (17, 9, 5, 3)]
  shapes = draws.shapes(fusion, maps)
  middle = lambda x: jnp.zeros(x.shape).at[1, 1].set(1.0)
  variables = jax.tree.map(middle, shapes)
  maps[level] = maps[level] + 0.5
  got = fusion.apply(variables, maps, train=False)
  np.testing.assert_allclose(got, np.full((1, 17, 19, 2), 1.5), rtol=1e-5)


@pytest.mark.parametrize("pools, reach", ((1, 5), (2, 8), (4, 14)))
def test_each_pool_widens_the_context_by_three_pixels(pools, reach):
  """One of a 3x3 convolution and two of a 5x5 pool; two convolutions join."""
  context = ddsc.ContextAggregation(pools, norm=layers.Identity)
  x = jnp.zeros((1, 41, 41, 4))
  variables = jax.tree.map(
      lambda x: jnp.full(x.shape, 0.1), draws.shapes(context, x)
  )
  apply = functools.partial(context.apply, variables, train=False)
  seen = np.asarray(apply(x.at[0, 20, 20].set(1.0)))[0].max(-1) > 0
  rows, columns = np.nonzero(seen)
  assert (rows.min(), rows.max()) == (20 - reach, 20 + reach)
  assert (columns.min(), columns.max()) == (20 - reach, 20 + reach)


def test_channels_that_do_not_divide_are_refused():
  with pytest.raises(ValueError, match=r"DDSC.features has 10; a multiple of"):
    tiny(features=(16, 8, 10, 8)).init(
        jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False
    )
