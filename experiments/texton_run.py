"""Trains and evaluates a semantic texton forest: `experiments.texton_forest`."""

from collections.abc import Sequence
import dataclasses
import time
from typing import Any

from jaxtyping import Float, Int
import numpy as np

from experiments import (
    machine,
    reproduction,
    results_data,
    texton_features,
    texton_model,
    texton_training,
)
from segjax import data, metrics

EVALUATIONS = {
    "regions": ("{}", "both forests"),
    "textons": ("{}, textons alone", "the first forest"),
    "image": (
        "{}, image-level prior",
        "both forests, times the softened prior of classes in the image",
    ),
    "frequencies": (
        "{}, class frequencies",
        "both forests, times the softened frequencies of classes in training",
    ),
}
"""What `Segmenter` predicts from: name of the evaluation, and in words."""

_PAPER = (
    "53.0 % class and 69.1 % pixel accuracy on test, of a forest on motion and"
    " appearance (Brostow et al. 2008; arXiv:1511.00561, Table 2)"
)


def run(
    dataset: str,
    data_dir: str,
    settings: texton_model.Settings,
    *,
    split: str = "validation",
    limit: int | None = None,
    options: dict[str, Any] | None = None,
    progress: texton_training.Progress = print,
) -> dict[str, Any]:
  """Trains on "train", evaluates on a split: all but the row's own name.

  Args:
    dataset: a name of `data.datasets`, prepared.
    data_dir: where it is.
    settings: of the forests.
    split: that they are evaluated on.
    limit: of images, both for training and for evaluation.
    options: of the data set's builder.
    progress: is told how far it is.

  Raises:
    ValueError: scikit-learn is not installed.
    FileNotFoundError: the data set is not prepared.
  """
  texton_training.library()  # Before anything is read.
  options = options or {}
  labels = data.datasets.labels(dataset, **options)
  train, shown = (
      _first(data.open(dataset, name, data_dir, **options), limit)
      for name in ("train", split)
  )
  about = (
      machine.about("experiments.texton_forest", cores=1)
      | reproduction.version()
  )
  begun = time.perf_counter()
  say = lambda text: progress(f"{time.perf_counter() - begun:6.0f} s  {text}")
  segmenter = texton_training.fit(train, len(labels), settings, say)
  seconds = time.perf_counter() - begun
  say(f"trained: {segmenter.nodes} nodes")
  evaluations, rate = evaluate(segmenter, shown, labels.names, say)
  protocol = {"dataset": dataset, "split": split, "images": len(shown)}
  config = {
      "dataset": dataset,
      "options": options,
      "limit": limit,
      "split": split,
      "forest": dataclasses.asdict(settings),
  }
  return {
      "network": "Semantic texton forest",
      "size": _size(settings, limit),
      **about,
      "versions": about["versions"] | {"scikit-learn": _version()},
      "seed": settings.seed,
      "config": config,
      "config_sha256": results_data.config_hash(config),
      "parameters": segmenter.nodes,
      "parameters_are": "nodes",
      "gflops": None,
      "shown_size": list(shown[0]["label"].shape),
      "images_per_second": rate,
      "images_seen": len(train),
      "seconds": seconds,
      "curves": {},
      **({"paper": _PAPER} if dataset == "camvid" else {}),
      "evaluations": {
          name.format(split): found | {"protocol": protocol | found["protocol"]}
          for name, found in evaluations.items()
      },
  }


def evaluate(
    segmenter: texton_model.Segmenter,
    source: Sequence[dict[str, Any]],
    names: Sequence[str],
    progress: texton_training.Progress = print,
) -> tuple[dict[str, dict[str, Any]], float]:
  """The figures of each of `EVALUATIONS`, and images a second.

  Every image counts once, at the size of its label map; pixels without a label
  do not count. The rate is that of "regions", from the image to classes of all
  pixels.
  """
  k, stride = len(names), segmenter.textons.settings.stride
  counts = {kind: np.zeros((k, k), np.int64) for kind in EVALUATIONS}
  scores = {kind: metrics.BoundaryScores(names) for kind in EVALUATIONS}
  seconds = 0.0
  for i in range(len(source)):
    if i and not i % 25:
      progress(f"evaluation: {i} of {len(source)} images")
    example = source[i]
    image, label = example["image"], example["label"]
    begun = time.perf_counter()
    found = segmenter(image)
    predicted = {"regions": classes(found["regions"], stride, label.shape)}
    seconds += time.perf_counter() - begun
    for kind in EVALUATIONS:
      if kind not in predicted:
        predicted[kind] = classes(found[kind], stride, label.shape)
      counts[kind] += confusion(label, predicted[kind], k)
      scores[kind].add(label, predicted[kind])
  reports = {}
  for kind, (name, words) in EVALUATIONS.items():
    reports[name] = {
        **metrics.summarize(counts[kind], names),
        **scores[kind].summarize(),
        "confusion_matrix": counts[kind].tolist(),
        "protocol": {
            "predicts": words,
            "resize": (
                f"classes' probabilities of every {stride}th pixel by row and"
                " column, bilinearly to all"
            ),
            "scales": [1],
            "flip": False,
            "counted_at": "size of the label map",
            "void": "ignored",
            "means_over": "all classes",
        },
    }
  return reports, len(source) / seconds


def classes(
    probabilities: Float[np.ndarray, "g v k"],
    stride: int,
    size: tuple[int, int],
) -> Int[np.ndarray, "h w"]:
  """The most probable class of each pixel."""
  maps = texton_features.interpolate(probabilities, stride, size)
  return maps.argmax(-1)


def confusion(
    label: Int[np.ndarray, "h w"],
    prediction: Int[np.ndarray, "h w"],
    num_classes: int,
) -> Int[np.ndarray, "k k"]:
  """Labelled pixels by truth (rows) and prediction (columns)."""
  labelled = label < num_classes
  pairs = label[labelled].astype(int) * num_classes + prediction[labelled]
  return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, -1)


def _first(source: Sequence[Any], limit: int | None) -> Sequence[Any]:
  """The first examples, read anew each time."""
  return source if limit is None else _Head(source, min(limit, len(source)))


@dataclasses.dataclass(frozen=True)
class _Head:
  source: Sequence[Any]
  length: int

  def __len__(self) -> int:
    return self.length

  def __getitem__(self, index: int) -> Any:
    return self.source[index]


def _size(settings: texton_model.Settings, limit: int | None) -> str:
  parts = [
      "full resolution",
      f"{settings.texton_trees} + {settings.trees} trees",
      f"every {settings.stride}th pixel",
  ]
  if limit is not None:
    parts.append(f"{limit} images")
  return ", ".join(parts)


def _version() -> str:
  import sklearn

  return sklearn.__version__
