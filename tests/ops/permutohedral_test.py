"""The permutohedral lattice, against a dictionary of vertices."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.ops import permutohedral


def points(n, d, spread=1.5, seed=0):
  rng = np.random.default_rng(seed)
  return (spread * rng.standard_normal((n, d))).astype(np.float32)


def simplex(point):
  """{vertex: barycentric weight}, point by point and in float64."""
  d = len(point)
  deviation = np.sqrt(2 / 3) * (d + 1)
  basis = np.zeros((d + 1, d))
  for j in range(d):
    basis[: j + 1, j] = 1
    basis[j + 1, j] = -(j + 1)
    basis[:, j] *= deviation / np.sqrt((j + 1) * (j + 2))
  x = basis @ point.astype(np.float64)
  nearest = np.round(x / (d + 1)) * (d + 1)
  excess = round(nearest.sum() / (d + 1))
  order = np.argsort(-(x - nearest), kind="stable")
  if excess > 0:  # Back onto the plane: the lowest differences go down.
    nearest[order[len(order) - excess :]] -= d + 1
  elif excess < 0:
    nearest[order[:-excess]] += d + 1
  difference = x - nearest
  order = np.argsort(-difference, kind="stable")
  ordered = difference[order] / (d + 1)
  weights = {}
  for r in range(d + 1):
    corner = nearest + r
    corner[order[len(order) - r :]] -= d + 1
    if r == 0:
      weight = 1 - (ordered[0] - ordered[-1])
    else:
      weight = ordered[d - r] - ordered[d - r + 1]
    weights[tuple(corner.astype(int))] = weight
  return weights


def reference(features, values):
  """Splat, blur and slice with a dictionary from vertex to value."""
  d = features.shape[1]
  corners = [simplex(point) for point in features]
  table = collections.defaultdict(float)
  for corner, value in zip(corners, values.astype(np.float64)):
    for vertex, weight in corner.items():
      table[vertex] = table[vertex] + weight * value
  table = dict(table)
  for j in range(d + 1):
    step = np.ones(d + 1, int)
    step[j] = -d
    near = lambda v, sign, step=step: tuple(np.add(v, sign * step))
    table = {
        v: value + 0.5 * (table.get(near(v, 1), 0) + table.get(near(v, -1), 0))
        for v, value in table.items()
    }
  sums = [sum(w * table[v] for v, w in corner.items()) for corner in corners]
  return np.stack(sums) / (1 + 2.0**-d)


@jax.jit
def filtered(features, values):
  return permutohedral.apply(permutohedral.build(features), values)


@pytest.mark.parametrize("n, d", ((1, 2), (300, 1), (400, 2), (300, 5)))
def test_it_is_splat_blur_and_slice(n, d):
  features, values = points(n, d), points(n, 3, seed=1)
  want = reference(features, values)
  np.testing.assert_allclose(
      filtered(features, values), want, rtol=1e-4, atol=1e-4
  )


@pytest.mark.parametrize("spread", (0.0, 0.1, 30.0))
def test_lattices_of_every_size_are_the_same_filter(spread):
  """More points than one program is for: each size has its own."""
  features = points(4500, 3, spread)
  values = points(4500, 2, seed=1)
  want = reference(features, values)
  np.testing.assert_allclose(
      filtered(features, values),
      want,
      rtol=1e-3,
      atol=1e-3 * np.abs(want).max(),
  )


def test_a_box_beyond_32_bits_is_hashed():
  """Points that are far apart stay alone, those that are close do not."""
  features = points(300, 5, 500.0)
  features = np.concatenate([features, features + 0.01])
  values = points(600, 2, seed=1)
  want = reference(features, values)
  np.testing.assert_allclose(
      filtered(features, values), want, rtol=1e-2, atol=1e-2
  )


@pytest.mark.parametrize("d", (2, 5))
def test_weights_are_barycentric(d):
  lattice = jax.jit(permutohedral.build)(points(500, d))
  weight = np.asarray(lattice.weight)
  assert weight.min() > -1e-5
  np.testing.assert_allclose(weight.sum(0), 1, atol=1e-5)


def test_neighbours_are_neighbours_of_each_other():
  lattice = jax.jit(permutohedral.build)(points(500, 3))
  after, before = np.asarray(lattice.after), np.asarray(lattice.before)
  found = 0
  for j in range(4):
    for r in range(4):
      (there,) = np.nonzero(after[j, r] < 501)
      back = before[j, (r + 1) % 4, after[j, r, there]]
      np.testing.assert_array_equal(back, there)
      found += len(there)
  assert found > 100


def test_the_gradient_is_the_transposed_filter():
  features = points(200, 5)

  @jax.jit
  def both(eye):
    matrix, pull = jax.vjp(lambda x: filtered(features, x), eye)
    return matrix, pull(eye)[0]

  matrix, transposed = both(jnp.eye(200))
  np.testing.assert_allclose(transposed, matrix.T, atol=1e-5)
  assert np.abs(matrix - matrix.T).max() > 1e-3, "no test of the order"


def test_it_approximates_a_gaussian():
  """Of weighted means, up to a tenth of how much they vary."""
  features, values = points(600, 2, 1.0), points(600, 1, seed=1)
  squares = np.square(features[:, None] - features).sum(-1)
  kernel = np.exp(-squares / 2)
  want = kernel @ values / kernel.sum(1, keepdims=True)
  both = filtered(features, np.concatenate([values, np.ones_like(values)], 1))
  got = both[:, :1] / both[:, 1:]
  assert np.abs(got - want).mean() < 0.15 * want.std()
