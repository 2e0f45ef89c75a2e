"""RefineNet: its blocks, its cascades, and how large they are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import resnet
from segjax.models import refinenet
from tests import variables as draws

IMAGE = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)


@functools.cache
def shapes(model=refinenet.RefineNet, **options):
  network = model(21, resnet.ResNet(), **options)
  return draws.shapes(network, IMAGE)["params"]


def features(name):
  """Each path's channels, coarse first, and those of the block's result."""
  block = shapes(cascade=int(name[0]))[name[2:]]
  paths = [
      unit["conv1"]["kernel"].shape[2]
      for key, unit in sorted(block.items())
      if key.endswith("_rcu1") and key.startswith("path")
  ]
  return paths, block["output_rcu1"]["conv2"]["kernel"].shape[3]


@pytest.mark.parametrize(
    "block, want",
    (
        ("4 refine4", ([512], 512)),
        ("4 refine3", ([512, 256], 256)),
        ("4 refine1", ([256, 256], 256)),
        ("2 refine2", ([512, 256], 256)),
        ("2 refine1", ([256, 256, 256], 256)),
        ("1 refine1", ([512, 256, 256, 256], 256)),
    ),
)
def test_paths_and_channels_of_a_block(block, want):
  """Sec. 3.2: 512 filters for RefineNet-4, 256 elsewhere."""
  assert features(block) == want


@pytest.mark.parametrize("cascade", (4, 2, 1))
def test_three_units_stand_between_blocks_and_before_the_classifier(cascade):
  params = shapes(cascade=cascade)
  blocks = [key for key in params if key.startswith("refine")]
  assert len(blocks) == cascade
  for name in blocks:
    units = [key for key in params[name] if key.startswith("output_rcu")]
    assert len(units) == (3 if name == "refine1" else 1)
    assert {"path1_rcu1", "path1_rcu2"} <= set(params[name])


def test_other_cascades_are_errors():
  model = refinenet.RefineNet(2, resnet.ResNet(), cascade=3)
  with pytest.raises(ValueError, match=r"cascade is 3; possible are \[1, 2, 4"):
    draws.shapes(model, IMAGE)


def test_the_light_weight_form_has_27_million_parameters():
  """arXiv:1810.03272: "more than twofold model reduction"."""
  count = lambda tree: sum(x.size for x in jax.tree.leaves(tree))
  light = shapes(refinenet.LightWeightRefineNet)
  assert round(count(light) / 1e6) == 27
  decoder = {key: x for key, x in light.items() if key != "backbone"}
  kernels = {x.shape[:2] for x in jax.tree.leaves(decoder) if x.ndim == 4}
  assert kernels == {(1, 1), (3, 3)}
  del decoder["classifier"]
  kernels = {x.shape[:2] for x in jax.tree.leaves(decoder)}
  assert kernels == {(1, 1)}
  assert count(shapes()) > 2 * count(light)


def test_chained_pooling_sees_two_more_pixels_with_each_pool():
  """With unit convolutions, how often a bright pixel is counted."""
  pooling = refinenet.ChainedResidualPooling(pools=2, kernel_size=1)
  x = jnp.zeros((1, 11, 11, 1)).at[0, 5, 5].set(1.0)
  variables = pooling.init(jax.random.key(0), x)
  variables = jax.tree.map(jnp.ones_like, variables)
  y = np.asarray(pooling.apply(variables, x))[0, 5, :, 0]
  np.testing.assert_array_equal(y, [0, 1, 1, 2, 2, 3, 2, 2, 1, 1, 0])
  # The ReLU in front makes darkness nothing.
  np.testing.assert_array_equal(pooling.apply(variables, -x), 0)


def test_a_unit_is_the_identity_plus_what_it_learns():
  unit = refinenet.ResidualConvUnit()
  x = jax.random.normal(jax.random.key(0), (1, 4, 5, 3))
  variables = unit.init(jax.random.key(1), x)
  assert np.any(unit.apply(variables, x) != x)
  variables = jax.tree.map(jnp.zeros_like, variables)
  np.testing.assert_array_equal(unit.apply(variables, x), x)
