"""Gaussian filtering in many dimensions on the permutohedral lattice.

Adams, Baek and Davis 2010, "Fast High-Dimensional Filtering Using the
Permutohedral Lattice". The names are theirs: every point splats its value onto
the corners of the simplex around it, the lattice is blurred along its d + 1
directions, and every point slices its result out of the same corners.

There is no hash table. A vertex is the sorted place of its key among the keys
of the same remainder; of two neighbours along a direction one has the next
remainder, and their keys differ by a constant that only the remainder and the
direction decide.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
import numpy as np

_NOBODY = np.uint32(2**32 - 1)
"""The key of an empty place, larger than all others."""

_NOWHERE = np.int32(2**31 - 1)
"""The place of a neighbour that does not exist."""

_SMALL = 4096
"""Points up to which one size of lattice is compiled."""


class Lattice(NamedTuple):
  """Where points lie in the lattice; `v` is d + 1, the number of remainders.

  Attributes:
    vertex: per remainder, the place of each point's corner among the vertices.
    weight: the corner's barycentric weight.
    before: per direction and remainder, each vertex's neighbour, which has the
      previous remainder; a place after the last where there is none.
    after: the neighbour on the other side, of the next remainder.
    size: vertices of the remainder that has the most.
  """

  vertex: Int[Array, "v n"]
  weight: Float[Array, "v n"]
  before: Int[Array, "v v m"]
  after: Int[Array, "v v m"]
  size: Int[Array, ""]


def build(features: Float[Array, "n d"]) -> Lattice:
  """The lattice of points, whose coordinates are in standard deviations.

  Keys have 32 bits. They are exact where the box around the points holds
  fewer than 2**32 vertices of a remainder, as the boxes of images do for all
  published settings of the dense CRF. In a larger box they are hashes, and
  about size**2 / 2**33 pairs of vertices become one.
  """
  n, d = features.shape
  remainders, ranks, weight = _simplex(features.astype(jnp.float32))
  low, high = remainders.min(0) - 2, remainders.max(0) + 2
  strides = _strides(high - low + 1)
  corners = [
      remainders[:, :d] - (ranks[:, :d] > d - r) - low[:d] for r in range(d + 1)
  ]
  keys = jnp.stack([_pack(corner, strides) for corner in corners])
  tables, sizes = jax.lax.map(_unique, keys)
  size = jnp.max(sizes)
  vertex = jax.lax.map(lambda pair: _find(*pair), (tables, keys))
  neighbours = functools.partial(_neighbours, strides=strides)
  before, after = _at_capacity(n, size, neighbours, tables)
  return Lattice(vertex, weight, before, after, size)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def apply(
    lattice: Lattice, values: Float[Array, "n k"], reverse: bool = False
) -> Float[Array, "n k"]:
  """The sum over all points of values times exp(-distance**2 / 2), about.

  It is linear in `values`, and its gradient is the same filter with the
  directions in the opposite order, `reverse`. None reaches the lattice.
  """
  filtered = functools.partial(_filter, reverse=reverse)
  return _at_capacity(values.shape[0], lattice.size, filtered, lattice, values)


def _apply_forward(lattice, values, reverse):
  return apply(lattice, values, reverse), lattice


def _apply_backward(reverse, lattice, cotangent):
  return None, apply(lattice, cotangent, not reverse)


apply.defvjp(_apply_forward, _apply_backward)


def _simplex(features):
  """The simplex around each point.

  Returns:
    the nearest point of remainder 0 divided by d + 1, (n, d + 1); the rank of
    each coordinate's distance from it; and the barycentric weights, by
    remainder, (d + 1, n).
  """
  n, d = features.shape
  # Features of deviation 1 meet a blur of this deviation.
  deviation = math.sqrt(2 / 3) * (d + 1)
  elevated, total = [], jnp.zeros(n, jnp.float32)
  for i in reversed(range(d)):
    x = features[:, i] * np.float32(deviation / math.sqrt((i + 1) * (i + 2)))
    elevated.append(total - (i + 1) * x)
    total = total + x
  elevated = jnp.stack([total, *reversed(elevated)], -1)
  nearest = jnp.round(elevated / (d + 1))
  distance = elevated - nearest * (d + 1)
  larger = distance[:, None, :] > distance[:, :, None]
  equal = distance[:, None, :] == distance[:, :, None]
  larger |= equal & np.tri(d + 1, k=-1, dtype=bool)  # The first one is larger.
  ranks = jnp.sum(larger, -1, dtype=jnp.int32)
  nearest = nearest.astype(jnp.int32)
  ranks = ranks + jnp.sum(nearest, -1, keepdims=True)  # Back onto the plane.
  step = jnp.where(ranks < 0, 1, 0) - jnp.where(ranks > d, 1, 0)
  ranks, nearest = ranks + step * (d + 1), nearest + step
  offset = elevated / (d + 1) - nearest
  by_rank = [
      jnp.sum(jnp.where(ranks == r, offset, 0), -1) for r in range(d + 1)
  ]
  weight = [1 + by_rank[d] - by_rank[0]]
  weight += [by_rank[d - r] - by_rank[d - r + 1] for r in range(1, d + 1)]
  return nearest, ranks, jnp.stack(weight)


def _strides(extents):
  """What a step along each coordinate but the last adds to a key."""
  exact = jnp.cumprod(extents[:-1].astype(jnp.uint32))
  exact = jnp.concatenate([jnp.ones(1, jnp.uint32), exact[:-1]])
  bits = jnp.sum(jnp.log2(extents[:-1].astype(jnp.float32)))
  odd = [0x9E3779B1 * (2 * i + 1) ** 7 % 2**32 | 1 for i in range(len(exact))]
  return jnp.where(bits < 31.9, exact, np.asarray(odd, np.uint32))


def _pack(corner, strides):
  key = jnp.sum(corner.astype(jnp.uint32) * strides, -1, dtype=jnp.uint32)
  return jnp.minimum(key, _NOBODY - 1)


def _unique(keys):
  """The different keys in ascending order, filled up; and their number."""
  ordered = jnp.sort(keys)
  first = jnp.concatenate([jnp.ones(1, bool), ordered[1:] != ordered[:-1]])
  place = jnp.cumsum(first) - 1
  empty = jnp.full(keys.shape, _NOBODY)
  # Equal keys go to the same place, so that the order of writing is no matter.
  return empty.at[place].set(ordered, mode="promise_in_bounds"), place[-1] + 1


def _find(table, keys):
  """The places of keys in a sorted table; far behind it if not there."""
  place = jnp.searchsorted(table, keys).astype(jnp.int32)
  found = table.at[place].get(mode="clip") == keys
  return jnp.where(found & (keys != _NOBODY), place, _NOWHERE)


def _neighbours(capacity, tables, *, strides):
  """`before` and `after` of a `Lattice`, filled up to its full size."""
  v, n = tables.shape
  tables = tables[:, :capacity]
  # One step along direction j adds 1 to all coordinates but the j-th, which
  # loses d. Divided by d + 1, that changes coordinate j; and all of them where
  # the remainder goes from d round to 0.
  step = -jnp.append(strides, jnp.uint32(0))  # [j]
  wrap = jnp.where(jnp.arange(v) == v - 1, jnp.sum(strides), jnp.uint32(0))
  step = wrap[:, None] + step  # [r, j]

  def neighbours(shift, step):
    keys = tables[:, None] + step[:, :, None]
    keys = jnp.where(tables[:, None] == _NOBODY, _NOBODY, keys)
    places = jax.lax.map(
        lambda pair: _find(*pair), (jnp.roll(tables, shift, 0), keys)
    )
    return jnp.pad(
        places.swapaxes(0, 1),
        ((0, 0), (0, 0), (0, n + 1 - tables.shape[1])),
        constant_values=_NOWHERE,
    )

  return neighbours(1, -jnp.roll(step, 1, 0)), neighbours(-1, step)


def _filter(capacity, lattice, values, *, reverse):
  """Splat, blur and slice, on tables of `capacity` vertices a remainder.

  The last place is empty: it stands for all neighbours that do not exist. The
  loops are scans because XLA's CPU backend runs them several times faster than
  the same steps one after the other (jax 0.10).
  """
  v = lattice.vertex.shape[0]
  first = capacity * jnp.arange(v)[:, None]
  flat = lambda place, first: jnp.minimum(place, capacity - 1) + first
  vertex = lattice.vertex + first
  blur = [
      flat(place[:, :, :capacity], jnp.roll(first, shift)).reshape(v, -1)
      for place, shift in ((lattice.before, 1), (lattice.after, -1))
  ]

  def splat(table, corner):
    vertex, weight = corner
    values_there = values * weight[:, None]
    return table.at[vertex].add(values_there, mode="promise_in_bounds"), None

  def blur_along(table, direction):
    before, after = (
        table.at[place].get(mode="promise_in_bounds") for place in direction
    )
    return table + 0.5 * (before + after), None

  table = jnp.zeros((v * capacity, values.shape[1]), values.dtype)
  table, _ = jax.lax.scan(splat, table, (vertex, lattice.weight))
  table, _ = jax.lax.scan(blur_along, table, tuple(blur), reverse=reverse)
  # As in Krahenbuhl and Koltun's program; it cancels where kernels are normal.
  scale = 1 / (1 + 2.0 ** (1 - v))
  return sum(
      table.at[vertex[r]].get(mode="promise_in_bounds")
      * (lattice.weight[r] * scale)[:, None]
      for r in range(v)
  )


def _at_capacity(n, size, function, *args):
  """function(capacity, *args) for the least capacity above `size`.

  Lattices of images have far fewer vertices than the n that each remainder
  could have, so that the program is compiled for several sizes.
  """
  shares = (24, 6, 3) if n > _SMALL else ()
  capacities = [*(n // share for share in shares), n + 1]
  branches = [functools.partial(function, c) for c in capacities]
  if len(branches) == 1:
    return branches[0](*args)
  index = jnp.sum(size >= jnp.asarray(capacities))
  return jax.lax.switch(index, branches, *args)
