"""What every model promises of its numbers, on a small network of each class.

One forward pass and one training step are compiled for each network, and all
promises are read off them.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from segjax import losses
from segjax.data.datasets import scenes
from tests import variables as draws
from tests.models.tiny import CLASSES, MODELS, ONE_OF_EACH_CLASS

SIZE = (65, 49)
STEPS = 600
FAST_TO_COMPILE = {"xla_backend_optimization_level": 0}


def four_scenes():
  """Images, about standard normal, and labels."""
  rng = np.random.default_rng(5)
  pairs = [scenes.paint(rng, SIZE, CLASSES, hint=1.0) for _ in range(4)]
  images = np.stack([image for image, _ in pairs])
  return (images / 127.5 - 1).astype(np.float32), np.stack(
      [label for _, label in pairs]
  ).astype(np.int32)


def logits_of(outputs):
  """The outputs that say something about each pixel's class."""
  return {
      key: y
      for key, y in outputs.items()
      if y.ndim == 4 and y.shape[1:] == (*SIZE, CLASSES)
  }


def objective(params, batch_stats, images, labels, weights, *, model):
  """The sum of all heads' losses, and of the weighted outputs."""
  outputs, updates = model.apply(
      {"params": params, "batch_stats": batch_stats},
      images,
      train=True,
      mutable=["batch_stats"],
      rngs={"dropout": jax.random.key(0)},
  )
  loss = sum(
      losses.cross_entropy(y, labels) for y in logits_of(outputs).values()
  ) / len(logits_of(outputs))
  drawn = sum(
      jnp.sum(y * jax.random.normal(jax.random.key(i), y.shape))
      for i, y in enumerate(outputs.values())
  )
  updated = updates.get("batch_stats", {})
  return weights[0] * loss + weights[1] * drawn, (loss, updated)


@dataclasses.dataclass
class Compiled:
  """A network's variables, its forward pass and the gradient of a step."""

  model: object
  variables: dict
  forward: object
  gradient: object


@pytest.fixture(scope="module", params=ONE_OF_EACH_CLASS)
def network(request):
  """Tests run network by network."""
  model, _ = MODELS[request.param]
  images, labels = four_scenes()
  variables = draws.draw(model, images)
  apply = jax.jit(functools.partial(model.apply, train=False))
  gradient = jax.grad(functools.partial(objective, model=model), has_aux=True)
  arguments = (
      variables["params"],
      variables.get("batch_stats", {}),
      images,
      labels,
      jnp.ones(2),
  )
  return Compiled(
      model,
      variables,
      apply.lower(variables, images).compile(FAST_TO_COMPILE),
      jax.jit(gradient).lower(*arguments).compile(FAST_TO_COMPILE),
  )


def test_every_parameter_has_a_gradient(network):
  """No head and no layer is left out of the outputs' sum."""
  gradients, _ = network.gradient(
      network.variables["params"],
      network.variables.get("batch_stats", {}),
      *four_scenes(),
      jnp.array([0.0, 1.0]),
  )
  for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
    assert np.any(gradient != 0), jax.tree_util.keystr(path)
    assert np.all(np.isfinite(gradient)), jax.tree_util.keystr(path)


def test_training_changes_all_batch_statistics(network):
  before = network.variables.get("batch_stats", {})
  _, (_, after) = network.gradient(
      network.variables["params"], before, *four_scenes(), jnp.ones(2)
  )
  assert jax.tree.structure(after) == jax.tree.structure(before)
  changed = jax.tree.map(lambda a, b: bool(np.any(a != b)), before, after)
  assert jax.tree.all(changed), changed


def test_an_image_does_not_know_the_rest_of_its_batch(network):
  """The logits of two images stay when the other two change."""
  images, _ = four_scenes()
  others = np.concatenate([images[:2], 1 - images[1:3]])
  want = network.forward(network.variables, images)
  got = network.forward(network.variables, others)
  for key, y in want.items():
    np.testing.assert_allclose(
        got[key][:2], y[:2], atol=1e-5 * float(np.std(y)), err_msg=key
    )
    assert np.any(np.abs(got[key][2:] - y[2:]) > 1e-3 * np.std(y)), key


def test_compiled_and_eager_agree(network):
  images, _ = four_scenes()
  want = network.model.apply(network.variables, images, train=False)
  got = network.forward(network.variables, images)
  assert got.keys() == want.keys()
  for key, y in want.items():
    np.testing.assert_allclose(
        got[key], y, atol=1e-4 * float(np.std(y)), rtol=1e-4, err_msg=key
    )


def test_bfloat16_is_finite_and_near(network):
  """In half precision the outputs are those of single precision, roughly."""
  images, _ = four_scenes()
  half = lambda x: jnp.asarray(x, jnp.bfloat16)
  variables = dict(network.variables)
  variables["params"] = jax.tree.map(half, variables["params"])
  apply = jax.jit(
      functools.partial(network.model.apply, train=False),
      compiler_options=FAST_TO_COMPILE,
  )
  got = apply(variables, half(images))
  want = network.forward(network.variables, images)
  for key, y in want.items():
    value = np.asarray(got[key], np.float32)
    assert np.all(np.isfinite(value)), key
    assert np.corrcoef(value.ravel(), np.ravel(y))[0, 1] > 0.9, key


@pytest.mark.heavy
def test_four_scenes_can_be_learnt_by_heart(network):
  """Adam drives the loss far below what a constant answer reaches.

  The same features are dropped in every step.
  """
  images, labels = four_scenes()
  shares = np.bincount(labels.ravel(), minlength=CLASSES) / labels.size
  constant = -np.sum(shares * np.log(shares))
  tx = optax.adam(0.01)
  params = network.variables["params"]
  batch_stats = network.variables.get("batch_stats", {})
  opt_state = tx.init(params)
  update = jax.jit(tx.update)
  for _ in range(STEPS):
    gradients, (loss, batch_stats) = network.gradient(
        params, batch_stats, images, labels, jnp.array([1.0, 0.0])
    )
    updates, opt_state = update(gradients, opt_state)
    params = optax.apply_updates(params, updates)
    if loss < constant / 3:
      return
  pytest.fail(f"the loss is {loss:.3f}, of a constant answer {constant:.3f}")
