"""Streams of batches in which batch i depends on (seed, i) and nothing else."""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import sys
from typing import Any

import grain
import numpy as np

from segjax import types
from segjax.data import labels, sampling, sources, transforms

Source = Sequence[dict[str, Any]]
"""What streams read: source[i] = {"image", "label", ...}."""

Transform = Callable[[np.random.Generator, dict[str, Any]], dict[str, Any]]
"""transform(rng, example) -> example, as `transforms.Augment`."""


@dataclasses.dataclass(frozen=True)
class _TrainBatches:
  """Batch b of this process, by index.

  The examples of all batches of all processes form one endless sequence, of
  which `pools` says the order. Position j depends on (seed, j) only; batch b
  holds the positions from b * batch_size on, and each process reads its own
  consecutive rows of it.
  """

  source: Source
  augment: Transform
  pools: sampling.Pools
  batch_size: int
  seed: int
  process_index: int
  process_count: int

  def __len__(self) -> int:
    return sys.maxsize

  def __getitem__(self, batch: int) -> types.Batch:
    rows = self.batch_size // self.process_count
    first = batch * self.batch_size + self.process_index * rows
    examples = [self._example(j) for j in range(first, first + rows)]
    names = [k for k, v in examples[0].items() if isinstance(v, np.ndarray)]
    return {name: _stack([e[name] for e in examples]) for name in names}

  def _example(self, position: int) -> dict[str, Any]:
    index = self.pools(self.seed, position)
    rng = sampling.augment_rng(self.seed, position)
    return self.augment(rng, sources.read(self.source, index))


def train_batches(
    source: Source,
    augment: Transform,
    *,
    batch_size: int,
    seed: int,
    start: int = 0,
    process_index: int = 0,
    process_count: int = 1,
    num_threads: int = 2,
    pools: sampling.Pools | None = None,
) -> Iterator[types.Batch]:
  """An endless stream of training batches from batch `start` on.

  Batch i is the same for any `start`, number of threads and, as the rows of
  all processes together, number of processes. Starting costs O(1).

  Args:
    source: what to read; each epoch reads every example once.
    augment: must give all examples one size. Batches have all arrays that are
      in its examples.
    batch_size: rows of a batch over all processes.
    seed: at least 0.
    start: the index of the first batch.
    process_index: which rows are read here.
    process_count: must divide batch_size.
    num_threads: batches that are computed at the same time. 0 computes each
      when it is asked for.
    pools: another order, such as a mixture of data sets or classes in balance;
      an epoch is then one of each pool.

  Yields:
    "image" uint8 (rows, h, w, 3) RGB and "label" uint8 (rows, h, w); "weight"
    float32 (rows, h, w) where the augmentation makes one.

  Raises:
    ValueError: if the source is empty or the numbers do not fit; when a batch
      is read, for a damaged example, naming it.
  """
  _check(batch_size, process_index, process_count)
  if not len(source):
    raise ValueError("There is no example to train on: the source is empty.")
  if seed < 0 or start < 0:
    raise ValueError(f"seed={seed} and start={start} must not be negative.")
  batches = _TrainBatches(
      source,
      augment,
      pools or sampling.everything(len(source)),
      batch_size,
      seed,
      process_index,
      process_count,
  )
  return _stream(batches, start, num_threads)


@dataclasses.dataclass(frozen=True)
class _EvalBatches:
  """Evaluation batch b of this process, by index; see `eval_batches`."""

  source: Source
  plan: tuple[tuple[tuple[int, int], tuple[int, ...]], ...]
  rows: int
  first: int

  def __len__(self) -> int:
    return len(self.plan)

  def __getitem__(self, batch: int) -> types.Batch:
    (height, width), indices = self.plan[batch]
    mine = indices[self.first : self.first + self.rows]
    n = self.rows
    image = np.empty((n, height, width, 3), np.uint8)
    image[:] = transforms.MEAN_COLOUR
    label = np.full((n, height, width), labels.VOID, np.uint8)
    size = np.zeros((n, 2), np.int32)
    index = np.full(n, -1, np.int32)
    for row, i in enumerate(mine):
      example = sources.read(self.source, i)
      h, w = size[row] = example["label"].shape
      image[row, :h, :w], label[row, :h, :w] = (
          example["image"],
          example["label"],
      )
      index[row] = i
    return {
        "image": image,
        "label": label,
        "valid": index >= 0,
        "size": size,
        "index": index,
    }


def eval_batches(
    source: Source,
    *,
    batch_size: int,
    multiple: int = 32,
    process_index: int = 0,
    process_count: int = 1,
    num_threads: int = 2,
) -> Iterator[types.Batch]:
  """Every example exactly once, padded to few sizes.

  Images are padded at the bottom and the right to the next multiple, with the
  mean colour, labels with 255; those that get the same size share batches.
  The last batch of a size is filled up with rows that are not `valid`: mean
  colour, labels 255, size (0, 0), index -1. All processes get the same number
  of batches of the same shapes in the same order.

  Args:
    source: what to read. An attribute `sizes`, [(h, w), ...], saves decoding
      everything twice.
    batch_size: rows of a batch over all processes.
    multiple: heights and widths are rounded up to this.
    process_index: which rows are read here.
    process_count: must divide batch_size.
    num_threads: as for `train_batches`.

  Yields:
    "image" uint8 (rows, h, w, 3) RGB, "label" uint8 (rows, h, w), "valid"
    bool (rows,), "size" int32 (rows, 2): height and width before padding,
    "index" int32 (rows,): position in the source.

  Raises:
    ValueError: if the numbers do not fit.
  """
  _check(batch_size, process_index, process_count)
  if multiple < 1:
    raise ValueError(f"multiple is at least 1, not {multiple}.")
  buckets = {}
  for i, (h, w) in enumerate(sources.sizes(source)):
    padded = -(-h // multiple) * multiple, -(-w // multiple) * multiple
    buckets.setdefault(padded, []).append(i)
  plan = tuple(
      (padded, tuple(chunk))
      for padded, members in sorted(buckets.items())
      for chunk in _chunks(members, batch_size)
  )
  rows = batch_size // process_count
  batches = _EvalBatches(source, plan, rows, process_index * rows)
  return _stream(batches, 0, num_threads)


def _chunks(members: list[int], size: int) -> list[list[int]]:
  return [members[i : i + size] for i in range(0, len(members), size)]


def _stream(
    batches: Sequence[types.Batch], start: int, num_threads: int
) -> Iterator[types.Batch]:
  """Reads batches in order, some ahead, in threads."""
  dataset = grain.MapDataset.source(batches)
  options = grain.ReadOptions(
      num_threads=num_threads,
      prefetch_buffer_size=num_threads and num_threads + 1,
  )
  return iter(dataset[start:].to_iter_dataset(options))


def _stack(arrays: list[np.ndarray]) -> np.ndarray:
  shapes = sorted({a.shape for a in arrays})
  if len(shapes) > 1:
    raise ValueError(
        f"A batch has one size only, not {shapes[0]} and {shapes[1]}: "
        "give the augmentation a crop."
    )
  return np.stack(arrays)


def _check(batch_size: int, process_index: int, process_count: int) -> None:
  if batch_size < 1 or process_count < 1 or batch_size % process_count:
    raise ValueError(
        f"batch_size={batch_size} must be a positive multiple of "
        f"process_count={process_count}."
    )
  if not 0 <= process_index < process_count:
    raise ValueError(
        f"process_index={process_index} is not below {process_count}."
    )
