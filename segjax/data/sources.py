"""Sources made of sources: several as one, and one with damaged records.

A source is a sequence of {"image", "label", ...}, read at random from many
threads; see `datasets.open_source`.
"""

from collections.abc import Iterable, Sequence
import functools
import logging
import threading
from typing import Any

Example = dict[str, Any]


def read(source: Sequence[Example], index: int) -> Example:
  """source[index], checked.

  Raises:
    ValueError: it cannot be read, or image and label do not have one size; the
      message names the source and the example.
  """
  try:
    example = source[index]
    image, label = example["image"], example["label"]
  except Exception as error:
    if isinstance(error, ValueError) and name(source) in str(error):
      raise
    raise ValueError(
        f"{name(source)}: cannot read example {index}:"
        f" {type(error).__name__}: {error}"
    ) from error
  if image.shape[:2] != label.shape:
    raise ValueError(
        f"{name(source)}: example {index} has an image {image.shape} and a"
        f" label {label.shape}; they must have one height and width"
    )
  return example


def name(source: Sequence[Example]) -> str:
  """What messages call a source."""
  return getattr(source, "name", type(source).__name__)


def sizes(source: Sequence[Example]) -> list[tuple[int, int]]:
  """Height and width of every image; decodes them if the source has none."""
  stored = getattr(source, "sizes", None)
  if stored is not None:
    return list(stored)
  return [read(source, i)["label"].shape for i in range(len(source))]


class Joined:
  """Sources one after the other.

  Attributes:
    starts: the index of the first example of each, and how many there are in
      all.
  """

  def __init__(self, parts: Iterable[Sequence[Example]]):
    self._parts = tuple(parts)
    self.starts = [0]
    for part in self._parts:
      self.starts.append(self.starts[-1] + len(part))
    self.name = " + ".join(map(name, self._parts))

  def __len__(self) -> int:
    return self.starts[-1]

  def __getitem__(self, index: int) -> Example:
    for part, start in zip(self._parts, self.starts):
      if index < start + len(part):
        return read(part, index - start)
    raise IndexError(index)

  @functools.cached_property
  def sizes(self) -> list[tuple[int, int]]:
    """Height and width of every image."""
    return [size for part in self._parts for size in sizes(part)]


class Tolerant:
  """A source in which the next good example stands in for a damaged one.

  So batch i is still a function of (seed, i). Each damaged record is logged
  once, with the number of those met so far.

  Attributes:
    damaged: index -> what is wrong, of those that were met.
  """

  def __init__(self, source: Sequence[Example]):
    self._source, self._lock = source, threading.Lock()
    self.name = name(source)
    self.damaged: dict[int, str] = {}

  def __len__(self) -> int:
    return len(self._source)

  def __getitem__(self, index: int) -> Example:
    for i in range(index, index + len(self)):
      i %= len(self)
      if i in self.damaged:
        continue
      try:
        return read(self._source, i)
      except ValueError as error:
        self._note(i, str(error))
    raise ValueError(f"{self.name}: all {len(self)} examples are damaged")

  @property
  def sizes(self) -> list[tuple[int, int]]:
    """Height and width of every image, as the source has them stored.

    Without that, those of the good ones and of what stands in for others.
    """
    stored = getattr(self._source, "sizes", None)
    if stored is not None:
      return stored
    return [self[i]["label"].shape for i in range(len(self))]

  def _note(self, index: int, message: str) -> None:
    with self._lock:
      if index in self.damaged:
        return
      self.damaged[index] = message
      logging.getLogger(__name__).warning(
          "skipping a damaged record, %d so far: %s", len(self.damaged), message
      )
