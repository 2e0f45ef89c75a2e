"""Random variables for a model, without running its initialisation."""

import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from segjax import layers


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


def dilations(model, size):
  """{path: rate} of every convolution of a model, on an image of `size`."""
  rates = {}

  def record(call, args, kwargs, context):
    if isinstance(context.module, layers.Conv):
      rates["/".join(context.module.path)] = context.module.dilation
    return call(*args, **kwargs)

  image = jax.ShapeDtypeStruct((1, *size, 3), jnp.float32)
  with nn.intercept_methods(record):
    shapes(model, image)
  return rates
