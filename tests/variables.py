"""Random variables for a model, without running its initialisation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np


def shapes(model, image):
  """The variables' shapes."""
  init = functools.partial(model.init, train=False)
  return jax.eval_shape(init, jax.random.key(0), image)


def draw(model, image, seed=0):
  """Variables of the right size, of which none is 0, 1 or its neighbour.

  Fresh ones hide mistakes: a scale is 1, a mean is 0, and a classifier may
  be zero altogether.
  """
  rng = np.random.default_rng(seed)

  def leaf(path, x):
    if path[-1].key in ("scale", "var"):
      values = rng.uniform(0.5, 1.5, x.shape)
    else:
      fan_in = max(np.prod(x.shape[:-1]), 10)
      values = rng.standard_normal(x.shape) * (2 / fan_in) ** 0.5
    return jnp.asarray(values, jnp.float32)

  return jax.tree_util.tree_map_with_path(leaf, shapes(model, image))


def forward(model, variables, image):
  """The outputs in evaluation, compiled in a hurry rather than well."""
  apply = jax.jit(functools.partial(model.apply, train=False))
  options = {"xla_backend_optimization_level": 0}
  compiled = apply.lower(variables, image).compile(options)
  return compiled(variables, image)
