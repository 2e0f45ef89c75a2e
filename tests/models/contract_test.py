"""What every model promises, whatever its paper."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import variables as draws
from tests.models.tiny import CLASSES, MODELS

FAST_TO_COMPILE = {"xla_backend_optimization_level": 0}

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
  for logits in outputs.values():
    assert logits.shape == (2, *size, CLASSES)
    assert logits.dtype == jnp.float32


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
def test_every_parameter_has_a_gradient(name):
  """No head and no layer is left out of the outputs' sum."""
  model, _ = MODELS[name]
  rng = np.random.default_rng(0)
  image = rng.standard_normal((4, 33, 33, 3)).astype(np.float32)
  variables = draws.draw(model, image)

  def objective(params):
    outputs, _ = model.apply(
        variables | {"params": params},
        image,
        train=True,
        mutable=["batch_stats"],
        rngs={"dropout": jax.random.key(0)},
    )
    weights = np.random.default_rng(1)
    return sum(
        jnp.sum(y * weights.standard_normal(y.shape)) for y in outputs.values()
    )

  gradients = jax.jit(jax.grad(objective), compiler_options=FAST_TO_COMPILE)(
      variables["params"]
  )
  for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
    assert np.any(gradient != 0), jax.tree_util.keystr(path)
    assert np.all(np.isfinite(gradient)), jax.tree_util.keystr(path)


@everyone
def test_training_changes_all_batch_statistics(name):
  model, _ = MODELS[name]
  rng = np.random.default_rng(0)
  image = rng.standard_normal((4, 33, 33, 3)).astype(np.float32)
  variables = draws.draw(model, image)
  if "batch_stats" not in variables:
    assert name.startswith(("FCN", "UNet")), "the papers without BatchNorm"
    return
  apply = functools.partial(model.apply, train=True, mutable=["batch_stats"])
  _, updates = jax.jit(apply, compiler_options=FAST_TO_COMPILE)(
      variables, image, rngs={"dropout": jax.random.key(0)}
  )
  changed = jax.tree.map(
      lambda a, b: bool(np.any(a != b)),
      variables["batch_stats"],
      updates["batch_stats"],
  )
  assert jax.tree.all(changed), changed


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
