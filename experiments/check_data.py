r"""Reads a whole data set, says what is in it, and what is wrong with it.

  python -m experiments.check_data --dataset=camvid --data_dir=DIR
  python -m experiments.check_data --dataset=folder --manual_dir=DIR

With a --manual_dir the downloads themselves are checked, before they are
prepared: every file that would stop `experiments.prepare`, not only the first.
Wrong are images that cannot be read, labels of no class or of another size
than their image, an image that is twice in a split, and one of an evaluation
split that is in another split too. The exit status is 0 where nothing is.
"""

from collections.abc import Mapping
import functools
import json
import pathlib
from typing import Any

from absl import flags
import cv2
import numpy as np

from experiments import cli, dataset_flags, findings
from segjax import data

_DATASET = dataset_flags.define()
_SPLITS = flags.DEFINE_list("split", [], "only these, such as train,test")
_OUTPUT = flags.DEFINE_string("output", "", "writes the report as JSON, too")
_THREADS = flags.DEFINE_integer("num_threads", 2, "that read images", 1)
_SHOWN = 20  # Problems of a kind on the screen; the JSON has all.


def main() -> None:
  name, options = _DATASET.dataset.value, _DATASET.options()
  labels = data.datasets.labels(name, **options)
  find = _downloaded if _DATASET.manual_dir.value else _prepared
  splits = find(name, options)
  for split in _SPLITS.value:
    if split not in splits:
      raise ValueError(f"{name} has no split {split!r}: {', '.join(splits)}.")
  found = {
      split: list(findings.check(reads, labels, _THREADS.value))
      for split, reads in splits.items()
      if not _SPLITS.value or split in _SPLITS.value
  }
  wrong = findings.problems(found)
  summaries = {s: findings.summarize(f, labels) for s, f in found.items()}
  if _OUTPUT.value:
    text = json.dumps({"splits": summaries, "problems": wrong}, indent=2)
    pathlib.Path(_OUTPUT.value).write_text(text + "\n")
  for split, summary in summaries.items():
    _print(split, summary)
  for kind, lines in wrong.items():
    print(f"{kind}: {len(lines)}")
    print("".join(f"  {line}\n" for line in lines[:_SHOWN]), end="")
    if len(lines) > _SHOWN:
      print(f"  and {len(lines) - _SHOWN} more")
  for note in findings.notes(found, labels):
    print(f"Note: {note}")
  if any(wrong.values()):
    count = sum(map(len, wrong.values()))
    raise ValueError(f"{count} problem(s) in the data set {name}.")


def _prepared(name: str, options: dict) -> dict[str, dict[str, findings.Read]]:
  """The examples of every split of a prepared data set, by position."""
  data_dir = _DATASET.data_dir.value
  builder = data.datasets.builder(name, data_dir, **options)
  splits = sorted(builder.info.splits) or ["train"]
  sources = {s: data.open(name, s, data_dir, **options) for s in splits}
  return {
      split: {
          f"example {i}": functools.partial(source.__getitem__, i)
          for i in range(len(source))
      }
      for split, source in sources.items()
  }


def _downloaded(
    name: str, options: dict
) -> dict[str, dict[str, findings.Read]]:
  """The examples of every split of the downloads, by id."""
  builder = data.datasets.builder(name, _DATASET.data_dir.value, **options)
  root = pathlib.Path(_DATASET.manual_dir.value).expanduser()
  if not root.is_dir():
    raise NotADirectoryError(f"manual_dir: there is no folder {root}.")
  if not hasattr(builder, "pairs"):
    raise ValueError(f"{name} is no builder of ours; check it once prepared.")

  def read(pair):
    encoded, label = builder.read(pair)
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    return {"image": image, "label": label, "id": pair.id}

  return {
      split: {pair.id: functools.partial(read, pair) for pair in pairs}
      for split, pairs in builder.pairs(root).items()
  }


def _print(split: str, summary: Mapping[str, Any]) -> None:
  sizes = summary["sizes"]
  few = ", ".join(f"{size} ({n})" for size, n in sizes.items())
  if len(sizes) > 4:
    common = max(sizes, key=sizes.get)
    few = f"{len(sizes)} sizes, {common} the most frequent ({sizes[common]})"
  print(f"{split}: {summary['images']} images; {few}")
  classes = summary["classes"]
  pixels = [c["pixels"] for c in classes.values()]
  void = summary["not_labelled_pixels"]
  total = max(sum(pixels) + void, 1)
  width = max(map(len, (*classes, "not labelled")))
  print(f"  {'':{width}}   pixels   images   weight")
  for name, c in classes.items():
    share, weight = 100 * c["pixels"] / total, c["median_frequency_weight"]
    print(f"  {name:{width}}  {share:5.2f} %  {c['images']:7}  {weight:7.3f}")
  print(f"  {'not labelled':{width}}  {100 * void / total:5.2f} %")


if __name__ == "__main__":
  cli.run(main)
