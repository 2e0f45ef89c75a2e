"""Pyramid pooling: what its levels see."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers
from segjax.models import pspnet


def test_levels_are_means_over_ever_finer_grids():
  """Level i has at most bins[i] ** 2 different values before upsampling."""
  x = jax.random.uniform(jax.random.key(0), (1, 12, 12, 2))
  norm = functools.partial(layers.Identity)
  pyramid = pspnet.PyramidPooling((1, 2), features=2, norm=norm)
  variables = pyramid.init(jax.random.key(1), x, train=False)
  eye = np.eye(2)[None, None]
  variables = jax.tree.map(lambda _: eye, variables)
  y = np.asarray(pyramid.apply(variables, x, train=False))
  assert y.shape == (1, 12, 12, 6)
  np.testing.assert_array_equal(y[..., :2], x)
  mean = np.asarray(x).mean((0, 1, 2))
  np.testing.assert_allclose(y[..., 2:4] - mean, 0, atol=1e-6)
  # With aligned corners the corners are the quarters' means themselves.
  np.testing.assert_allclose(
      y[0, -1, 0, 4:], np.asarray(x)[0, 6:, :6].mean((0, 1)), rtol=1e-5
  )


def test_levels_may_be_maxima():
  """Table 1 compares both; the weights are the same."""
  x = jax.random.uniform(jax.random.key(0), (1, 12, 12, 2))
  norm = functools.partial(layers.Identity)
  pyramid = pspnet.PyramidPooling((1,), features=2, pool="max", norm=norm)
  variables = pyramid.init(jax.random.key(1), x, train=False)
  variables = jax.tree.map(lambda _: np.eye(2)[None, None], variables)
  y = np.asarray(pyramid.apply(variables, x, train=False))
  want = np.asarray(x).max((1, 2), keepdims=True)
  np.testing.assert_allclose(y[..., 2:], np.broadcast_to(want, x.shape))


def test_another_pool_is_refused():
  pyramid = pspnet.PyramidPooling(pool="median")
  with pytest.raises(ValueError, match=r"pool is 'median'; possible are.*max"):
    pyramid.init(jax.random.key(0), jnp.zeros((1, 6, 6, 2)), train=False)
