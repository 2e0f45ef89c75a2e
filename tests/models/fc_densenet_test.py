"""FC-DenseNet: the channels and parameters that the paper states."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers
from segjax.models import fc_densenet
from tests import variables as draws

IMAGE = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)


def network(depth, **options):
  growth_rate, blocks, bottleneck = fc_densenet.SIZES[depth]
  return fc_densenet.FCDenseNet(11, growth_rate, blocks, bottleneck, **options)


@functools.cache
def shapes(depth):
  return draws.shapes(network(depth), IMAGE)


@pytest.mark.parametrize("depth, millions", ((56, 1.4), (67, 3.5), (103, 9.4)))
def test_the_networks_have_the_parameters_of_the_paper(depth, millions):
  """Table 3, which counts the running statistics too."""
  count = sum(x.size for x in jax.tree.leaves(shapes(depth)))
  assert round(count / 1e6, 1) == millions


@pytest.mark.parametrize("depth", fc_densenet.SIZES)
def test_the_number_in_the_name_is_that_of_the_convolutions(depth):
  """All of them: 3x3, 1x1 and transposed."""
  kernels = [x for x in jax.tree.leaves(shapes(depth)["params"]) if x.ndim == 4]
  assert len(kernels) == depth


def test_channels_are_those_of_the_table_with_16_more():
  """Table 2, whose m falls short by 16 from the bottleneck on."""
  params = shapes(103)["params"]
  inputs = lambda *path: functools.reduce(dict.get, path, params)[
      "kernel"
  ].shape[2]
  down = [inputs(f"transition{i}", "conv") for i in range(1, 6)]
  assert down == [112, 192, 304, 464, 656]
  growth_rate, blocks, bottleneck = fc_densenet.SIZES[103]
  assert inputs("bottleneck", "layer14", "conv") + growth_rate == 880 + 16
  up = [
      inputs(f"up{i}", f"layer{blocks[i - 1] - 1}", "conv") + growth_rate
      for i in range(5, 0, -1)
  ]
  assert up == [m + 16 for m in (1072, 800, 560, 368, 240)]
  assert inputs("classifier") == up[-1]
  # Only what the block below made is upsampled.
  assert inputs("transition_up5") == bottleneck * growth_rate


def test_only_new_maps_leave_a_dense_block():
  block = fc_densenet.DenseBlock(3, growth_rate=2)
  x = jax.random.normal(jax.random.key(0), (1, 4, 5, 7))
  y, variables = block.init_with_output(jax.random.key(1), x, train=False)
  assert y.shape == (1, 4, 5, 6)
  kernels = [
      variables["params"][f"layer{i}"]["conv"]["kernel"].shape[2]
      for i in range(3)
  ]
  assert kernels == [7, 9, 11]


def test_the_batch_s_own_statistics_can_be_used_in_evaluation():
  """As the authors evaluate: the running ones then do not matter."""
  norm = functools.partial(
      layers.BatchNorm, epsilon=1e-4, batch_statistics=True
  )
  model = fc_densenet.FCDenseNet(
      2, 2, (1, 1), 1, features=4, dropout_rate=0.0, norm=norm
  )
  image = jax.random.normal(jax.random.key(0), (2, 9, 12, 3))
  variables = draws.draw(model, image)
  got = model.apply(variables, image, train=False)["logits"]
  want, _ = model.apply(variables, image, train=True, mutable=["batch_stats"])
  np.testing.assert_allclose(got, want["logits"], atol=1e-6)
