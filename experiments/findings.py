"""What is in a data set, and what is wrong with it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
import dataclasses
import functools
import hashlib
import itertools
from typing import Any

import numpy as np

from segjax import data
from segjax.data.datasets import codecs
from segjax.losses import weights

Read = Callable[[], Mapping[str, Any]]
"""Gives {"image", "label"} and perhaps "id"."""

_KINDS = {
    codecs.WrongSizeError: "wrong size",
    codecs.WrongLabelError: "wrong label",
}


@dataclasses.dataclass(frozen=True)
class Finding:
  """What one example is like.

  Attributes:
    id: of the example.
    size: height and width, or None where it cannot be read.
    counts: pixels of each class.
    void: pixels that nobody labelled.
    digest: the same for the same image.
    problem: what is wrong with it, or "".
  """

  id: str
  size: tuple[int, int] | None = None
  counts: np.ndarray | None = None
  void: int = 0
  digest: str = ""
  problem: str = ""


def check(
    reads: Mapping[str, Read], labels: data.LabelSet, num_threads: int = 2
) -> Iterator[Finding]:
  """Examines every example, in order; some at the same time."""
  examine = functools.partial(_examine, labels=labels)
  with futures.ThreadPoolExecutor(num_threads) as pool:
    items = iter(reads.items())
    while chunk := list(itertools.islice(items, 64)):
      yield from pool.map(examine, *zip(*chunk))


def _examine(name: str, read: Read, labels: data.LabelSet) -> Finding:
  try:
    example = read()
  except (ValueError, OSError) as error:
    kind = _KINDS.get(type(error), "unreadable")
    return Finding(name, problem=f"{kind}: {error}")
  name = example.get("id", name)
  image, label = example["image"], np.asarray(example["label"])
  if label.shape != image.shape[:2]:
    return Finding(
        name,
        problem=f"wrong size: {name} is {size_text(image.shape)}, but its labels "
        f"are {size_text(label.shape)}",
    )
  counts = np.bincount(label.ravel(), minlength=256)
  known = np.zeros(len(counts), bool)
  known[: len(labels)] = known[data.VOID] = True
  problem = ""
  if counts[~known].any():
    values = ", ".join(map(str, np.flatnonzero(counts * ~known)[:8]))
    problem = (
        f"wrong label: {name} has {values} in {counts[~known].sum()} pixels; "
        f"possible are 0 to {len(labels) - 1}, {data.VOID}"
    )
  return Finding(
      name,
      label.shape,
      counts[: len(labels)].astype(np.int32),
      int(counts[data.VOID]),
      hashlib.blake2b(
          np.ascontiguousarray(image), digest_size=16, person=_key(image)
      ).hexdigest(),
      problem,
  )


def problems(
    findings: Mapping[str, Sequence[Finding]],
) -> dict[str, list[str]]:
  """What is wrong, by kind: unreadable, wrong size, wrong label, duplicate."""
  kinds = ("unreadable", "wrong size", "wrong label", "duplicate")
  wrong = {kind: [] for kind in kinds}
  places = {}
  for split, found in findings.items():
    for finding in found:
      if finding.problem:
        kind, _, what = finding.problem.partition(": ")
        wrong[kind].append(f"{split}: {what}")
      if finding.digest:
        places.setdefault(finding.digest, []).append((split, finding.id))
  for same in places.values():
    splits = [split for split, _ in same]
    twice = len(set(splits)) < len(splits)
    leaks = len(set(splits)) > 1 and any(map(_evaluates, splits))
    if twice or leaks:
      where = ", ".join(f"{split} {i}" for split, i in same)
      wrong["duplicate"].append(f"one image is {where}")
  return wrong


def summarize(
    found: Sequence[Finding], labels: data.LabelSet
) -> dict[str, Any]:
  """Sizes, pixels, images and median-frequency weight of each class."""
  read = [finding for finding in found if finding.counts is not None]
  counts = np.array([f.counts for f in read]).reshape(-1, len(labels))
  pixels = counts.sum(0, dtype=np.int64)
  balance = weights.median_frequency(counts.astype(np.int64))
  sizes = [finding.size for finding in read]
  return {
      "images": len(found),
      "sizes": {size_text(s): sizes.count(s) for s in sorted(set(sizes))},
      "not_labelled_pixels": sum(finding.void for finding in read),
      "classes": {
          name: {
              "pixels": int(pixels[i]),
              "images": int((counts[:, i] > 0).sum()),
              "median_frequency_weight": float(balance[i]),
          }
          for i, name in enumerate(labels.names)
      },
  }


def notes(
    findings: Mapping[str, Sequence[Finding]], labels: data.LabelSet
) -> Iterator[str]:
  """What is worth knowing, and no fault."""
  for split, found in findings.items():
    read = [finding for finding in found if finding.counts is not None]
    blank = sum(not finding.counts.any() for finding in read)
    if blank:
      yield f"{split}: {blank} image(s) without a single label."
    if read and blank < len(read):
      total = np.sum([finding.counts for finding in read], 0)
      never = [n for n, c in zip(labels.names, total) if not c]
      if never:
        yield f"{split}: {', '.join(never)} never occur(s)."
  digests = {
      s: {f.digest for f in found} - {""} for s, found in findings.items()
  }
  for one, other in itertools.combinations(digests, 2):
    shared = len(digests[one] & digests[other])
    if shared and not (_evaluates(one) or _evaluates(other)):
      yield f"{one} and {other} share {shared} image(s)."


def _evaluates(split: str) -> bool:
  return split.startswith(("val", "test"))


def size_text(shape: Sequence[int]) -> str:
  return " x ".join(map(str, shape[:2]))


def _key(image: np.ndarray) -> bytes:
  """Tells images of the same bytes but another width apart."""
  return b"%d" % image.shape[1]
