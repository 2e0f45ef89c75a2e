"""Turns a config into streams of data: the lower half of `build`."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import ml_collections
import numpy as np

from segjax import data, types


def labels(config: ml_collections.ConfigDict) -> data.LabelSet:
  """The classes of the config's data set."""
  return data.datasets.labels(config.dataset.name, **_options(config.dataset))


def source(config: ml_collections.ConfigDict, split: str) -> Any:
  """A split of the config's data set, for reading at random.

  Raises:
    FileNotFoundError: it is not prepared; the message has the command.
  """
  dataset = config.dataset
  options = _options(dataset)
  if dataset.prepare:  # Every process does: one builds, the others wait for it.
    data.datasets.prepare(dataset.name, dataset.data_dir, **options)
  return data.open(dataset.name, split, dataset.data_dir, **options)


def augment(config: ml_collections.ConfigDict) -> data.Augment:
  """The augmentation of training examples."""
  return data.Augment(**config.augment.to_dict())


def on_device(config: ml_collections.ConfigDict) -> Callable:
  """What is done to a training batch once it lies on the devices.

  Raises:
    ValueError: `config.augment_on` is neither, or cannot be with the rest.
  """
  if config.augment_on == "host":
    return lambda batch: batch
  if config.augment_on == "device":
    return jax.jit(data.on_device.unpack(augment(config)))
  raise ValueError(
      f"config.augment_on is {config.augment_on!r}; there are host, device"
  )


def train_source(
    config: ml_collections.ConfigDict,
) -> tuple[data.sources.Joined, data.sampling.Pools]:
  """All there is to train on, and in which order.

  Raises:
    ValueError: a data set of the mixture has other classes than the first, or
      a key of `config.dataset` has a value that is none of its own.
  """
  first = config.dataset
  if first.on_damaged not in ("error", "skip"):
    raise ValueError(
        f"config.dataset.on_damaged is {first.on_damaged!r}; there are error,"
        " skip"
    )
  parts, weights = [source(config, first.train)], [1.0]
  names_ = labels(config).names
  for item in first.mixture:
    if len(item) != 3:
      raise ValueError(
          f"config.dataset.mixture has {item!r}; it must be (name, split,"
          " weight)"
      )
    name, split, weight = item
    if data.datasets.labels(name).names != names_:
      raise ValueError(f"{name} does not have the classes of {first.name}")
    parts.append(data.open(name, split, first.data_dir))
    weights.append(weight)
  if first.on_damaged == "skip":
    parts = [data.sources.Tolerant(part) for part in parts]
  joined = data.sources.Joined(parts)
  pools = data.sampling.mixture(joined.starts, weights)
  if first.class_balanced:
    pools = data.sampling.by_class(
        joined, pools, len(names_), config.num_threads
    )
  return joined, pools


def train_batches(
    config: ml_collections.ConfigDict, *, start: int = 0
) -> Iterator[types.Batch]:
  """Training batches from `start` on: the rows of this process."""
  joined, pools = train_source(config)
  transform = augment(config)
  if config.augment_on == "device":
    canvas = tuple(int(n) for n in np.max(joined.sizes, axis=0))
    transform = data.on_device.Pack(transform, canvas)
  return data.train_batches(
      joined,
      transform,
      batch_size=config.batch_size,
      seed=config.seed,
      start=start,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
      num_threads=config.num_threads,
      pools=pools,
  )


def eval_batches(
    config: ml_collections.ConfigDict, split: str = ""
) -> Iterator[types.Batch]:
  """A split, `config.dataset.eval` if not named: the rows of this process."""
  return data.eval_batches(
      source(config, split or config.dataset.eval),
      batch_size=config.eval.batch_size,
      multiple=config.eval.multiple,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
      num_threads=config.num_threads,
  )


def _options(dataset: ml_collections.ConfigDict) -> dict[str, Any]:
  return dataset.options.to_dict()
