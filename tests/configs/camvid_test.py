"""One recipe: the networks of configs/camvid.py differ, and nothing else."""

import functools
import json

import jax
import jax.numpy as jnp
import pytest

from configs import camvid
from experiments import build
from experiments import config as config_lib


def parameters(config):
  """How many, and the logits' shape for a frame of the config's size."""
  model = build.model(config, 11)
  image = jax.ShapeDtypeStruct((1, *config.augment.crop, 3), jnp.float32)
  init = functools.partial(model.init_with_output, train=False)
  outputs, variables = jax.eval_shape(init, jax.random.key(0), image)
  assert outputs["logits"].shape == (*image.shape[:3], 11)
  assert {*config.loss.aux} == outputs.keys() - {"logits"}
  return sum(x.size for x in jax.tree.leaves(variables["params"]))


@pytest.mark.parametrize("network", camvid.NETWORKS)
def test_a_quarter_of_the_channels_is_the_same_network(network):
  """About a 16th of the weights: those of the image and the classes are more."""
  full, cut = (
      parameters(camvid.get_config(f"network={network}{cpu}"))
      for cpu in ("", ",cpu")
  )
  assert 9 < full / cut < 45


@pytest.mark.parametrize("cpu", ("", ",cpu"))
def test_only_the_networks_differ(cpu):
  recipes = set()
  for network in camvid.NETWORKS:
    config = camvid.get_config(f"network={network}{cpu}")
    recipe = json.loads(config_lib.save(config))
    del recipe["model"], recipe["backbone"], recipe["loss"]["aux"]
    recipes.add(json.dumps(recipe))
  assert len(recipes) == 1


def test_an_unknown_network_lists_all():
  with pytest.raises(ValueError, match=r"network is one of .*unet.*'hrnet'"):
    camvid.get_config("network=hrnet")
