"""Gaussian filters, against all pairs at once."""

import functools

import jax
from jax import test_util
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.ops import filters


def normal(*shape, seed=0):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def kernel(features):
  squares = np.square(features[:, None] - features).sum(-1)
  return np.exp(-0.5 * squares.astype(np.float64))


@pytest.mark.parametrize("n", (1, 513, 2500))
def test_exact_is_the_sum_over_all_pairs(n):
  """Also where the last tile is not full."""
  features, values = normal(n, 5), normal(n, 3, seed=1)
  got = jax.jit(filters.exact)(features, values)
  np.testing.assert_allclose(
      got, kernel(features) @ values, rtol=1e-4, atol=1e-3
  )


def test_exact_holds_far_positions():
  """Differences of large numbers, which |p|^2 + |q|^2 - 2 p q would lose."""
  features = 3000 + normal(300, 2)
  got = filters.exact(features, np.ones((300, 1), np.float32))
  want = kernel(features.astype(np.float64)).sum(1, keepdims=True)
  np.testing.assert_allclose(got, want, rtol=1e-3)


def test_exact_never_holds_all_pairs():
  n = 100 * 100
  shapes = [jax.ShapeDtypeStruct((n, k), jnp.float32) for k in (5, 21)]
  memory = jax.jit(filters.exact).lower(*shapes).compile().memory_analysis()
  assert memory.temp_size_in_bytes < 4 * n * n / 10


@pytest.mark.parametrize("method", filters.METHODS)
def test_gradients_of_exact_and_of_the_lattice_are_true(method):
  image, values = normal(6, 7, 3), normal(42, 2, seed=1)

  @jax.jit
  def both(values):
    options = {"method": method}
    for normalization in ("before", "symmetric"):
      filtered = filters.bilateral_filter(
          image, 3.0, 2.0, normalization=normalization, **options
      )
      values = filtered(values)
    return values

  test_util.check_grads(
      both, (values,), order=1, modes=["rev"], rtol=1e-2, atol=1e-2
  )


def test_the_exact_spatial_filter_separates():
  options = {"method": "exact", "normalization": "none"}
  separable = filters.spatial_filter(9, 14, 2.5, **options)
  values = normal(9 * 14, 3)
  features = filters.position_features(9, 14, 2.5)
  np.testing.assert_allclose(
      separable(values), filters.exact(features, values), rtol=1e-4, atol=1e-4
  )


def test_features_are_columns_rows_and_colours():
  image = normal(3, 4, 3)
  features = filters.bilateral_features(image, 2.0, 5.0).reshape(3, 4, 5)
  np.testing.assert_allclose(features[2, 3, :2], [3 / 2, 2 / 2])
  np.testing.assert_allclose(features[1, 2, 2:], image[1, 2] / 5, rtol=1e-6)


@pytest.mark.parametrize("method", filters.METHODS)
def test_normalizations_are_what_their_names_say(method):
  eye = np.eye(72, dtype=np.float32)

  @jax.jit
  def matrices():
    options = {"method": method}
    return [
        filters.spatial_filter(8, 9, 2.0, normalization=name, **options)(eye)
        for name in ("none", "after", "before", "symmetric")
    ]

  plain, after, before, symmetric = matrices()
  total = np.asarray(plain).sum(1)
  np.testing.assert_allclose(after.sum(1), 1, rtol=1e-4)
  np.testing.assert_allclose(after, plain / total[:, None], rtol=1e-4)
  np.testing.assert_allclose(before, plain / total, rtol=1e-4)
  root = np.sqrt(np.outer(total, total))
  np.testing.assert_allclose(symmetric, plain / root, rtol=1e-4)


def window(features, values, size):
  """The window filter, pixel by pixel."""
  height, width = values.shape[1:3]
  result = np.zeros(values.shape)
  low, high = -(size // 2), size - size // 2
  for y in range(height):
    for x in range(width):
      for v in range(max(y + low, 0), min(y + high, height)):
        for u in range(max(x + low, 0), min(x + high, width)):
          squares = np.square(features[:, y, x] - features[:, v, u]).sum(-1)
          weight = np.exp(-0.5 * squares)[:, None]
          result[:, y, x] += weight * values[:, v, u]
  return result


@pytest.mark.parametrize("size", (1, 3, 4, 9))
def test_window_is_the_sum_over_each_pixel_s_window(size):
  """Even sizes begin one pixel earlier; 9 is wider than the image."""
  features, values = normal(2, 5, 7, 3), normal(2, 5, 7, 2, seed=1)
  got = jax.jit(filters.window, static_argnums=2)(features, values, size)
  np.testing.assert_allclose(
      got, window(features, values, size), rtol=1e-4, atol=1e-5
  )


def test_window_has_true_gradients():
  features, values = normal(1, 4, 5, 2), normal(1, 4, 5, 2, seed=1)
  test_util.check_grads(
      functools.partial(filters.window, size=3),
      (features, values),
      order=1,
      modes=["rev"],
      rtol=2e-2,
      atol=2e-2,
  )


def test_unknown_names_are_errors():
  with pytest.raises(ValueError, match="method is 'grid'; there are lattice"):
    filters.spatial_filter(4, 4, 1.0, method="grid")
  with pytest.raises(ValueError, match="normalization is 'l2'; there are"):
    filters.bilateral_filter(normal(4, 4, 3), 1.0, 1.0, normalization="l2")
