"""Filters whose weights fall off as a Gaussian of positions and colours.

Values are (n, k), a row per pixel, row by row of the image; features are (n, d)
in standard deviations. Everything is float32. No gradient reaches the features
of `exact` and of the lattice; those of `window` do learn.
"""

from collections.abc import Callable
import functools

import jax
from jax import lax
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax.ops import permutohedral

Filter = Callable[[Float[Array, "n k"]], Float[Array, "n k"]]

METHODS = ("lattice", "exact")
NORMALIZATIONS = ("symmetric", "before", "after", "none")

_QUERIES, _KEYS = 512, 2048
"""Pixels of a tile of pairs: 4 MiB of weights, however large the image."""


def position_features(
    height: int, width: int, deviation: float
) -> Float[Array, "n 2"]:
  """The columns and rows of all pixels, over `deviation` in pixels."""
  y, x = jnp.mgrid[:height, :width]
  return jnp.stack([x, y], -1).reshape(-1, 2).astype(jnp.float32) / deviation


def bilateral_features(
    image: Float[Array, "h w c"], xy: float, rgb: float
) -> Float[Array, "n c+2"]:
  """Columns and rows over `xy` in pixels, then colours over `rgb` in theirs."""
  height, width, channels = image.shape
  colours = image.reshape(-1, channels).astype(jnp.float32) / rgb
  positions = position_features(height, width, xy)
  return jnp.concatenate([positions, colours], -1)


def spatial_filter(
    height: int,
    width: int,
    deviation: float,
    *,
    method: str = "lattice",
    normalization: str = "symmetric",
) -> Filter:
  """The kernel exp(-|p - q|^2 / 2 deviation^2) between positions.

  Args:
    height: of the image, as is `width`.
    width: see `height`.
    deviation: in pixels.
    method: "lattice" (`permutohedral`), or "exact", here one dense matrix an
      axis because the kernel separates.
    normalization: see `normalized`.

  Raises:
    ValueError: another method or normalisation.
  """
  _check("method", method, METHODS)
  if method == "lattice":
    features = position_features(height, width, deviation)
    return _lattice(features, normalization)
  matrices = [
      jnp.exp(-0.5 * jnp.square((line[:, None] - line) / deviation))
      for line in (jnp.arange(height), jnp.arange(width))
  ]

  def separable(values):
    grid = values.reshape(height, width, -1)
    filtered = jnp.einsum(
        "ih,jw,hwk->ijk", *matrices, grid, precision=lax.Precision.HIGHEST
    )
    return filtered.reshape(values.shape)

  return normalized(separable, height * width, normalization)


def bilateral_filter(
    image: Float[Array, "h w c"],
    xy: float,
    rgb: float,
    *,
    method: str = "lattice",
    normalization: str = "symmetric",
) -> Filter:
  """The kernel of positions and colours (arXiv:1210.5644, Eq. (3), first term).

  Args:
    image: in any unit.
    xy: deviation of the positions, in pixels.
    rgb: deviation of the colours, in the unit of `image`.
    method: "lattice" (`permutohedral`) or "exact" (`exact`).
    normalization: see `normalized`.

  Raises:
    ValueError: another method or normalisation.
  """
  _check("method", method, METHODS)
  features = bilateral_features(image, xy, rgb)
  if method == "lattice":
    return _lattice(features, normalization)
  filtered = functools.partial(exact, features)
  return normalized(filtered, len(features), normalization)


def normalized(kernel: Filter, n: int, normalization: str) -> Filter:
  """A kernel K scaled by what it makes of ones, s = K 1.

  Args:
    kernel: of `n` pixels.
    n: see `kernel`.
    normalization: "symmetric" s^-1/2 K s^-1/2, "before" K s^-1, "after" s^-1 K
      (weighted means, as in CRF-RNN), or "none". They are pydensecrf's.
  """
  _check("normalization", normalization, NORMALIZATIONS)
  if normalization == "none":
    return kernel
  total = kernel(jnp.ones((n, 1), jnp.float32)) + 1e-20
  match normalization:
    case "symmetric":
      root = lax.rsqrt(total)
      return lambda values: kernel(values * root) * root
    case "before":
      return lambda values: kernel(values / total)
    case _:
      return lambda values: kernel(values) / total


@jax.custom_vjp
def exact(
    features: Float[Array, "n d"], values: Float[Array, "n k"]
) -> Float[Array, "n k"]:
  """The sum over all q of exp(-|f_p - f_q|^2 / 2) values_q, pair by pair.

  Tiles of pairs are streamed: memory is O(n), work O(n^2). The kernel is
  symmetric, so that the gradient is the same filter.
  """
  n, d = features.shape
  features = features.astype(jnp.float32)
  pad = lambda x, size: jnp.pad(x, ((0, -n % size), (0, 0)))
  queries = pad(features, _QUERIES).reshape(-1, _QUERIES, d)
  keys = pad(features, _KEYS).reshape(-1, _KEYS, d)
  # Padded keys have the value 0.
  weighted = pad(values, _KEYS).reshape(len(keys), _KEYS, -1)

  def row(query):
    def tile(total, pair):
      key, value = pair
      # Not |p|^2 + |q|^2 - 2 p q, whose difference float32 cannot hold.
      squares = sum(jnp.square(query[:, i, None] - key[:, i]) for i in range(d))
      weights = jnp.exp(-0.5 * squares)
      part = jnp.matmul(weights, value, precision=lax.Precision.HIGHEST)
      return total + part, None

    zero = jnp.zeros((_QUERIES, values.shape[1]), values.dtype)
    return lax.scan(tile, zero, (keys, weighted))[0]

  return lax.map(row, queries).reshape(-1, values.shape[1])[:n]


exact.defvjp(
    lambda features, values: (exact(features, values), features),
    lambda features, cotangent: (None, exact(features, cotangent)),
)


def _lattice(features, normalization):
  filtered = functools.partial(
      permutohedral.apply, permutohedral.build(features)
  )
  return normalized(filtered, len(features), normalization)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def window(
    features: Float[Array, "n h w d"],
    values: Float[Array, "n h w k"],
    size: int,
) -> Float[Array, "n h w k"]:
  """The sum of exp(-|f_p - f_q|^2 / 2) values_q over the q around each p.

  A convolution whose kernel differs from pixel to pixel. The places of the
  kernel are streamed, forward and backward, so that memory does not grow with
  its size. Both arguments have gradients.

  Args:
    features: in standard deviations.
    values: at the same pixels.
    size: of the window, from -(size // 2) on; what lies outside the image
      counts as 0.
  """
  padded = _pad_window((features, values), size)

  def row(carry, _):
    total, padded = carry
    near = _rows_in_reach(padded, features.shape[1], size)

    def step(total, column):
      return total + _place(features, *near, column), None

    total, _ = lax.scan(step, total, jnp.arange(size))
    return (total, jax.tree.map(_down, padded)), None

  carry = jnp.zeros_like(values), padded
  return lax.scan(row, carry, length=size)[0][0]


def _window_forward(features, values, size):
  return window(features, values, size), (features, values)


def _window_backward(size, residuals, cotangent):
  features, values = residuals
  padded = _pad_window((features, values), size)
  height, width = features.shape[1:3]

  def row(carry, _):
    at_p, at_q, padded = carry
    near = _rows_in_reach(padded, height, size)

    def step(total, column):
      place = functools.partial(_place, column=column)
      gradients = jax.vjp(place, features, *near)[1](cotangent)
      return jax.tree.map(jnp.add, total, gradients), None

    zero = at_p, *jax.tree.map(jnp.zeros_like, near)
    (at_p, *new), _ = lax.scan(step, zero, jnp.arange(size))
    below = lambda x: jnp.pad(x, ((0, 0), (0, size - 1), (0, 0), (0, 0)))
    at_q = [_down(old) + below(x) for old, x in zip(at_q, new)]
    return (at_p, at_q, jax.tree.map(_down, padded)), None

  zero = jnp.zeros_like(features), [jnp.zeros_like(x) for x in padded]
  (at_p, at_q, _), _ = lax.scan(row, (*zero, padded), length=size)
  edge = size // 2
  inside = lambda x: x[:, edge : edge + height, edge : edge + width]
  return at_p + inside(at_q[0]), inside(at_q[1])


window.defvjp(_window_forward, _window_backward)


def _pad_window(maps, size):
  edge = (size // 2, size - 1 - size // 2)
  return tuple(jnp.pad(x, ((0, 0), edge, edge, (0, 0))) for x in maps)


def _rows_in_reach(padded, height, size):
  """Of padded maps the rows that one row of a window lies on.

  From the window's last row to its first, as the maps are moved down: rows move
  by one at a time, so that devices ask their neighbours alone for them.
  """
  return tuple(x[:, size - 1 : size - 1 + height] for x in padded)


def _down(x):
  """Each row where the next one was."""
  return jnp.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))


def _place(features, near_features, near_values, column):
  """What one place of the window adds, in rows that already fit."""
  moved = lambda x: lax.dynamic_slice_in_dim(x, column, features.shape[2], 2)
  squares = jnp.square(features - moved(near_features))
  weight = jnp.exp(-0.5 * jnp.sum(squares, -1, keepdims=True))
  return weight * moved(near_values)


def _check(what, name, names):
  if name not in names:
    raise ValueError(f"{what} is {name!r}; there are {', '.join(names)}")
