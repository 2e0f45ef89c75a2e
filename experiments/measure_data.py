"""Rates, stages and memory of our streams: `experiments.benchmark_data`."""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import itertools
import pathlib
import statistics
import time
from typing import Any

import cv2
import numpy as np

from experiments import data_peer
from segjax import data
from segjax.data import draws
from segjax.data.datasets import scenes

Pair = tuple[pathlib.Path, pathlib.Path]
SIDES = ("ours", "peer", "peer, uint8")
"""The last peer does what ours does, the first what is usual on the host."""

_TURNS = 3
_CLASSES = 20


@dataclasses.dataclass(frozen=True)
class Kind:
  """Images of one size.

  Attributes:
    size: height and width.
    extension: of the format.
    crop: in training.
    files: how many are drawn.
    batch_size: of the streams.
  """

  size: tuple[int, int]
  extension: str
  crop: tuple[int, int]
  files: int
  batch_size: int


KINDS = {
    "voc": Kind((375, 500), ".jpg", (513, 513), 32, 8),
    "cityscapes": Kind((1024, 2048), ".png", (769, 769), 8, 4),
}


class Files:
  """The source that `data.train_batches` reads."""

  name = "files"

  def __init__(self, pairs: Sequence[Pair]):
    self._pairs = pairs

  def __len__(self) -> int:
    return len(self._pairs)

  def __getitem__(self, index: int) -> dict[str, Any]:
    image, label = self._pairs[index]
    return {
        "image": cv2.imread(str(image), cv2.IMREAD_COLOR_RGB),
        "label": cv2.imread(str(label), cv2.IMREAD_UNCHANGED),
        "id": image.stem,
    }


def write_files(kind: Kind, folder: pathlib.Path) -> list[Pair]:
  """Scenes with noise, so that files are about as large as photographs."""
  pairs = []
  for i in range(kind.files):
    rng = np.random.default_rng(i)
    image, label = scenes.paint(rng, kind.size, _CLASSES, 0.5)
    noise = rng.normal(0, 4, image.shape)
    image = np.clip(image + noise, 0, 255).astype(np.uint8)
    paths = folder / f"{i}{kind.extension}", folder / f"{i}_label.png"
    cv2.imwrite(str(paths[0]), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(paths[1]), label)
    pairs.append(paths)
  return pairs


def measure(
    kind: Kind, folder: pathlib.Path, workers: int, cores: int, seconds: float
) -> dict[str, Any]:
  """Rates of ours and both peers, in turns, and what ours are made of."""
  folder.mkdir()
  pairs = write_files(kind, folder)
  augment = data.Augment(kind.crop, class_limit=0.75)
  rates = {side: [] for side in SIDES}
  sizes = {}
  with contextlib.ExitStack() as stack:
    streams = {
        "ours": stack.enter_context(_ours(kind, pairs, augment, workers))
    }
    for side, normalize in (("peer", True), ("peer, uint8", False)):
      streams[side] = iter(
          data_peer.loader(
              pairs,
              kind.crop,
              kind.batch_size,
              workers,
              repeat=100_000 // len(pairs),
              normalize=normalize,
          )
      )
    for _ in range(_TURNS):
      for side, batches in streams.items():
        rate = _rate(batches, kind.batch_size, workers, seconds)
        rates[side].append(rate / cores)
    for side, batches in streams.items():
      batch = next(batches)
      arrays = batch.values() if side == "ours" else batch
      sizes[side] = sum(a.nbytes for a in arrays) / kind.batch_size
    del streams, batches  # Ends the workers.
  medians = {side: statistics.median(r) for side, r in rates.items()}
  return {
      "size": kind.size,
      "crop": kind.crop,
      "format": kind.extension,
      "batch_size": kind.batch_size,
      "examples_per_second_per_core": {
          side: {"min": min(r), "median": medians[side], "max": max(r)}
          for side, r in rates.items()
      },
      "our_rate_over_theirs": {
          side: medians["ours"] / medians[side] for side in SIDES[1:]
      },
      "bytes_to_device_per_image": sizes,
      "share_of_stages": _stages(Files(pairs), augment, kind, seconds),
  }


def memory(
    kind: Kind, folder: pathlib.Path, workers: int, epochs: int
) -> dict[str, Any]:
  """MiB of this process after each epoch, and how many more the last have."""
  folder.mkdir()
  pairs = write_files(kind, folder)
  after = []
  with _ours(kind, pairs, data.Augment(kind.crop), workers) as batches:
    for _ in range(epochs):
      for _ in itertools.islice(batches, len(pairs) // kind.batch_size):
        pass
      after.append(_resident() / 2**20)
  # Buffers fill and the allocator settles in the first two.
  quarter = max(1, epochs // 4)
  early = after[2 : 2 + quarter] or after[:1]
  growth = statistics.median(after[-quarter:]) - statistics.median(early)
  return {"mib_after_epochs": after, "growth_mib": growth}


@contextlib.contextmanager
def _ours(
    kind: Kind, pairs: Sequence[Pair], augment: data.Augment, workers: int
) -> Iterator[Iterator[dict[str, np.ndarray]]]:
  """Our stream, whose threads end with the context."""
  batches = data.train_batches(
      Files(pairs),
      augment,
      batch_size=kind.batch_size,
      seed=0,
      num_threads=workers,
  )
  try:
    yield batches
  finally:
    batches.close()


def _rate(
    batches: Iterator[Any], batch_size: int, workers: int, seconds: float
) -> float:
  """Examples a second, without those that lay ready in buffers."""
  for _ in range(3 * workers + 1):
    next(batches)
  count, begin = 0, time.perf_counter()
  while (spent := time.perf_counter() - begin) < seconds:
    next(batches)
    count += batch_size
  return count / spent


def _stages(
    source: Files, augment: data.Augment, kind: Kind, seconds: float
) -> dict[str, float]:
  """Shares of the time in one thread: decode, draw, move pixels, batch."""
  spent = dict.fromkeys(("decode", "draw", "augment", "batch"), 0.0)
  threads = cv2.getNumThreads()
  cv2.setNumThreads(1)
  rng, begin, i = np.random.default_rng(0), time.perf_counter(), 0
  while time.perf_counter() - begin < seconds:
    rows = []
    for _ in range(kind.batch_size):
      marks = [time.perf_counter()]
      example = source[i % len(source)]
      marks.append(time.perf_counter())
      draw: draws.Draw = augment.draw(rng, example["label"])
      marks.append(time.perf_counter())
      rows.append(augment.apply(draw, example))
      marks.append(time.perf_counter())
      for stage, a, b in zip(spent, marks, marks[1:]):
        spent[stage] += b - a
      i += 1
    mark = time.perf_counter()
    for name in ("image", "label"):
      np.stack([row[name] for row in rows])
    spent["batch"] += time.perf_counter() - mark
  cv2.setNumThreads(threads)
  whole = sum(spent.values())
  return {stage: value / whole for stage, value in spent.items()}


def _resident() -> int:
  """Bytes of this process in memory (Linux)."""
  pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
  return int(pages) * 4096
