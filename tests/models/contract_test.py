"""What every model promises, whatever its paper."""

import functools

import jax
from jax.interpreters import partial_eval
import jax.numpy as jnp
import pytest

from tests.models.tiny import CLASSES, MODELS, NOT_CLASS_MAPS

everyone = pytest.mark.parametrize("name", MODELS)


def image_of(*shape):
  return jax.ShapeDtypeStruct((*shape, 3), jnp.float32)


@functools.cache
def shapes(name, train=False):
  """Of a network's variables."""
  return jax.eval_shape(
      functools.partial(MODELS[name][0].init, train=train),
      {"params": jax.random.key(0), "dropout": jax.random.key(1)},
      image_of(1, 32, 32),
  )


@everyone
@pytest.mark.parametrize(
    "train, size",
    ((False, (64, 96)), (False, (40, 33)), (False, (8, 13)), (True, (65, 97))),
)
def test_outputs_are_as_large_as_the_image(name, train, size):
  """Every size works, and training has the same keys as evaluation."""
  model, keys = MODELS[name]
  outputs = jax.eval_shape(
      functools.partial(model.apply, train=train, mutable=["batch_stats"]),
      shapes(name),
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
  assert shapes(name, train=True) == shapes(name)


@everyone
def test_every_parameter_is_used(name):
  """By an output of training; `learning_test` takes the gradients."""
  model, _ = MODELS[name]
  variables = shapes(name)

  def outputs(params):
    rest = {k: v for k, v in variables.items() if k != "params"}
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), rest)
    return model.apply(
        zeros | {"params": params},
        jnp.zeros((1, 32, 32, 3)),
        train=True,
        mutable=["batch_stats"],
        rngs={"dropout": jax.random.key(0)},
    )[0]

  traced = jax.make_jaxpr(outputs)(variables["params"]).jaxpr
  _, used = partial_eval.dce_jaxpr(traced, [True] * len(traced.outvars))
  paths = jax.tree_util.tree_leaves_with_path(variables["params"])
  unused = [jax.tree_util.keystr(p) for (p, _), u in zip(paths, used) if not u]
  assert not unused


@everyone
def test_bfloat16_stays_bfloat16(name):
  """The step casts once; no layer casts back in between."""
  model, _ = MODELS[name]
  variables = shapes(name)
  half = lambda x: jax.ShapeDtypeStruct(x.shape, jnp.bfloat16)
  params = jax.tree.map(half, variables["params"])
  outputs = jax.eval_shape(
      functools.partial(model.apply, train=False),
      dict(variables) | {"params": params},
      half(image_of(1, 32, 32)),
  )
  assert {y.dtype for y in outputs.values()} == {jnp.dtype(jnp.bfloat16)}
