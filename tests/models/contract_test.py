"""What every model promises, whatever its paper."""

import functools

import jax
import jax.numpy as jnp
import pytest

from tests import variables as draws
from tests.models.tiny import CLASSES, MODELS, NOT_CLASS_MAPS

everyone = pytest.mark.parametrize("name", MODELS)


def image_of(*shape):
  return jax.ShapeDtypeStruct((*shape, 3), jnp.float32)


@everyone
@pytest.mark.parametrize("size", ((64, 96), (65, 97), (40, 33), (8, 13)))
@pytest.mark.parametrize("train", (False, True))
def test_outputs_are_as_large_as_the_image(name, size, train):
  """Every size works, and training has the same keys as evaluation."""
  model, keys = MODELS[name]
  variables = draws.shapes(model, image_of(1, 32, 32))
  outputs = jax.eval_shape(
      functools.partial(model.apply, train=train, mutable=["batch_stats"]),
      variables,
      image_of(2, *size),
      rngs={"dropout": jax.random.key(0)},
  )[0]
  assert sorted(outputs) == keys
  for key, y in outputs.items():
    assert y.shape[0] == 2
    assert key in NOT_CLASS_MAPS or y.shape == (2, *size, CLASSES), key
    assert y.dtype == jnp.float32


@everyone
def test_training_and_evaluation_have_the_same_parameters(name):
  model, _ = MODELS[name]
  trees = [
      jax.eval_shape(
          functools.partial(model.init, train=train),
          {"params": jax.random.key(0), "dropout": jax.random.key(1)},
          image_of(1, 32, 32),
      )
      for train in (True, False)
  ]
  assert trees[0] == trees[1]


@everyone
def test_bfloat16_stays_bfloat16(name):
  """The step casts once; no layer casts back in between."""
  model, _ = MODELS[name]
  variables = draws.shapes(model, image_of(1, 32, 32))
  half = lambda x: jax.ShapeDtypeStruct(x.shape, jnp.bfloat16)
  params = jax.tree.map(half, variables["params"])
  outputs = jax.eval_shape(
      functools.partial(model.apply, train=False),
      dict(variables) | {"params": params},
      half(image_of(1, 32, 32)),
  )
  assert {y.dtype for y in outputs.values()} == {jnp.dtype(jnp.bfloat16)}
