"""Which example comes when: a function of (seed, position), in O(1)."""

from collections.abc import Sequence
import concurrent.futures
import dataclasses
import functools
from typing import Any

from jaxtyping import Int
import numpy as np

from segjax.data import sources

_SHUFFLE, _AUGMENT, _MIX = 0, 1, 2  # Spawn keys: independent families.
CYCLE = 1000
"""Positions within which every pool gets its share, to the nearest whole."""


@dataclasses.dataclass(frozen=True, eq=False)
class Pools:
  """Examples to draw from, in pools that take turns at random.

  A pool is read in epochs, each a new permutation of it; so with one pool every
  epoch sees each example once. Of `CYCLE` positions in a row each pool gets
  its share exactly, and at least one.

  Attributes:
    members: the indices in each pool.
    weights: positive, relative.

  Raises:
    ValueError: no pool, an empty one, or weights that do not fit.
  """

  members: tuple[Int[np.ndarray, " _"], ...]
  weights: tuple[float, ...]

  def __post_init__(self):
    if not self.members or not all(len(m) for m in self.members):
      raise ValueError("there is no example to draw from")
    if len(self.weights) != len(self.members) or not all(
        0 < w < np.inf for w in self.weights
    ):
      raise ValueError(
          f"{len(self.members)} pools need as many positive weights, not"
          f" {self.weights}"
      )
    if len(self.members) > CYCLE:
      raise ValueError(f"there are more than {CYCLE} pools")

  def __call__(self, seed: int, position: int) -> int:
    """The index of the example at a position of the endless sequence."""
    pool, turn = 0, position
    if len(self.members) > 1:
      cycle, slot = divmod(position, CYCLE)
      pools, ranks = _cycle(seed, cycle, self._counts)
      pool = int(pools[slot])
      turn = cycle * self._counts[pool] + int(ranks[slot])
    members = self.members[pool]
    epoch, i = divmod(turn, len(members))
    return int(members[_permutation(seed, epoch, pool, len(members))[i]])

  @functools.cached_property
  def _counts(self) -> tuple[int, ...]:
    """Positions of each pool in a cycle; the largest remainders round up."""
    exact = np.array(self.weights) / sum(self.weights)
    # One each, and of the rest what is missing to the share.
    missing = np.maximum(exact * CYCLE - 1, 0)
    missing *= (CYCLE - len(exact)) / max(missing.sum(), 1e-9)
    counts = np.floor(missing + 1e-9).astype(int)
    rest = CYCLE - len(exact) - counts.sum()
    counts[np.argsort(counts - missing, kind="stable")[:rest]] += 1
    return tuple(int(c) + 1 for c in counts)


def everything(size: int) -> Pools:
  """One pool of all examples."""
  return Pools((np.arange(size),), (1.0,))


def mixture(starts: Sequence[int], weights: Sequence[float]) -> Pools:
  """A pool for each of several sources that are `sources.Joined`.

  Args:
    starts: of the joined sources, and the end.
    weights: how often each is drawn from, relative.
  """
  ends = starts[1:]
  members = tuple(np.arange(a, b) for a, b in zip(starts, ends))
  return Pools(members, tuple(weights))


def by_class(
    source: Sequence[dict[str, Any]],
    pools: Pools,
    num_classes: int,
    num_threads: int = 2,
) -> Pools:
  """Divides pools by class, so that rare classes are drawn as often as others.

  An example is in the pool of every class that it shows; a class in none of
  them has no pool, and nor has an example without labelled pixels. Reads the
  whole source once.
  """
  with concurrent.futures.ThreadPoolExecutor(max(num_threads, 1)) as threads:
    present = list(
        threads.map(
            lambda i: np.bincount(
                sources.read(source, i)["label"].ravel(), minlength=256
            )[:num_classes]
            > 0,
            range(len(source)),
        )
    )
  present = np.array(present).reshape(len(source), num_classes)
  members, weights = [], []
  for indices, weight in zip(pools.members, pools.weights):
    classes = np.flatnonzero(present[indices].any(axis=0))
    for k in classes:
      members.append(indices[present[indices, k]])
      weights.append(weight / len(classes))
  return Pools(tuple(members), tuple(weights))


def augment_rng(seed: int, position: int) -> np.random.Generator:
  """What the augmentation of the example at a position draws from."""
  return _rng(seed, _AUGMENT, position)


@functools.lru_cache(maxsize=512)
def _permutation(
    seed: int, epoch: int, pool: int, size: int
) -> Int[np.ndarray, " size"]:
  key = (epoch, pool) if pool else (epoch,)
  return _rng(seed, _SHUFFLE, *key).permutation(size)


@functools.lru_cache(maxsize=4)
def _cycle(
    seed: int, cycle: int, counts: tuple[int, ...]
) -> tuple[Int[np.ndarray, " slots"], Int[np.ndarray, " slots"]]:
  """The pool of every slot, and how many slots it had before in the cycle."""
  pools = np.repeat(np.arange(len(counts)), counts)
  pools = _rng(seed, _MIX, cycle).permutation(pools)
  ranks = np.zeros_like(pools)
  for pool, count in enumerate(counts):
    ranks[pools == pool] = np.arange(count)
  return pools, ranks


def _rng(seed: int, *key: int) -> np.random.Generator:
  return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
