"""Maps whose rows lie on several devices (`training.sharding`, axis "space").

The forms here only ever look at neighbouring rows, so that each device asks its
neighbours for a few rows instead of all for everything.
"""

import fractions
import functools

import jax
from jax import lax, sharding
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped
import numpy as np

_MOST_OFFSETS = 8
"""More neighbours than that are no neighbourhood."""

_FEWEST_ROWS = 4
"""Of a device's share; smaller maps are whole on every device."""


def parts(x: Shaped[Array, "..."]) -> int:
  """Over how many devices heights are spread on the mesh that x lives on."""
  return dict(jax.typeof(x).sharding.mesh.shape).get("space", 1)


def whole(x: Shaped[Array, "n h w c"]) -> Shaped[Array, "n h w c"]:
  """X with all its rows on every device: of a map that is small."""
  if parts(x) == 1:
    return x
  mesh = jax.typeof(x).sharding.mesh
  free = sharding.PartitionSpec.UNCONSTRAINED
  spec = sharding.PartitionSpec(free, None, free, free)
  return lax.with_sharding_constraint(x, sharding.NamedSharding(mesh, spec))


def mix_rows(
    x: Float[Array, "n h w c"], weights: Float[np.ndarray, "t h"]
) -> Float[Array, "n t w c"] | None:
  """`weights` times the rows of x as a sum over a few neighbours.

  With a ratio of p to q between the heights, rows q j to q j + q - 1 of the
  result are made of the rows around p j: for each distance between them one
  product with weights for every j.

  Args:
    x: maps; the sums are float32.
    weights: of each row of x in each row of the result, known when traced.

  Returns:
    None where rows are made of too many neighbours, or are few.
  """
  plan = _neighbours(weights.tobytes(), weights.shape, parts(x))
  if plan is None:
    return None
  p, q, offsets, bands = plan
  n, height, width, features = x.shape
  count = bands.shape[1]
  before = max(0, -(offsets[0] // p))
  after = max(0, offsets[-1] // p)
  below = p * (count + after) - height
  rows = [(0, 0, 0), (p * before, below, 0), (0, 0, 0), (0, 0, 0)]
  x32 = lax.pad(x.astype(jnp.float32), jnp.float32(0), rows)
  y = jnp.zeros((), jnp.float32)
  for offset, band in zip(offsets, bands):
    block, row = before + offset // p, offset % p
    near = x32[:, p * block : p * (block + count)]
    near = near.reshape(n, count, p, width, features)[:, :, row : row + 1]
    y = y + near * band[:, :, None, None]
  y = y.reshape(n, count * q, width, features)
  return y[:, : weights.shape[0]].astype(x.dtype)


@functools.lru_cache(maxsize=512)
def _neighbours(buffer: bytes, shape: tuple[int, int], devices: int):
  """(p, q, offsets, weights (offset, block, row of it)) of `mix_rows`.

  Each device has the same number of blocks: the last may be empty.
  """
  weights = np.frombuffer(buffer, np.float32).reshape(shape)
  rows, sources = np.nonzero(weights)
  if min(shape) < _FEWEST_ROWS * devices:
    return None
  slope = (sources[-1] - sources[0]) / max(rows[-1] - rows[0], 1)
  for largest in (1, 2, 4, 8, 16, 32, 64):
    ratio = fractions.Fraction(slope).limit_denominator(largest)
    p, q = ratio.numerator, ratio.denominator
    count = round_up(-(-shape[0] // q), devices)
    if not p:
      continue
    blocks, places = np.divmod(rows, q)
    distances = sources - p * blocks
    offsets = np.unique(distances)
    if len(offsets) <= _MOST_OFFSETS:
      bands = np.zeros((len(offsets), count, q), np.float32)
      which = np.searchsorted(offsets, distances)
      bands[which, blocks, places] = weights[rows, sources]
      return p, q, tuple(offsets.tolist()), bands
  return None


def round_up(size: int, multiple: int) -> int:
  """The least multiple from `size` on."""
  return -(-size // multiple) * multiple


def pad_rows(
    x: Float[Array, "n h w c"], before: int, after: int, mode: str
) -> Float[Array, "n h2 w c"]:
  """`jnp.pad` of the height; `mode` is "edge" or "reflect".

  What is added is a small matrix times x: each device adds up what it has, and
  only these rows are sent.
  """
  height = x.shape[1]
  source = np.pad(np.arange(height), (before, after), mode=mode)
  added = np.concatenate([source[:before], source[before + height :]])
  pick = np.zeros((len(added), height), np.float32)
  pick[np.arange(len(added)), added] = 1
  rows = jnp.einsum(
      "th,nhwc->ntwc",
      jnp.asarray(pick, x.dtype),
      x,
      precision=lax.Precision.HIGHEST,
  )
  rows = whole(rows)
  zeros = lambda y, above, below: jnp.pad(
      y, ((0, 0), (above, below), (0, 0), (0, 0))
  )
  y = zeros(x, before, after)
  if before:
    y += zeros(rows[:, :before], 0, height + after)
  if after:
    y += zeros(rows[:, before:], before + height, 0)
  return y
