"""The confusion matrix of a whole split, and what is read off it."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
import numpy as np

Counts = Int[np.ndarray, "k k"]


def confusion_matrix(
    labels: Int[Array, "n h w"],
    predictions: Int[Array, "n h w"],
    num_classes: int,
    *,
    ignore_label: int = 255,
) -> Int[Array, "{num_classes} {num_classes}"]:
  """Pixels counted by truth (rows) and prediction (columns), as int32.

  Counted in whole numbers (a float32 stops counting at 2**24), without
  boolean indexing, so it runs inside a jitted step. A pixel counts if it is
  labelled; a prediction outside of the classes is a caller's error and is
  counted nowhere.
  """
  labels = labels.astype(jnp.int32)
  cells = labels * num_classes + predictions.astype(jnp.int32)
  inside = (
      (labels != ignore_label)
      & (labels >= 0)
      & (labels < num_classes)
      & (predictions >= 0)
      & (predictions < num_classes)
  )
  cells = jnp.where(inside, cells, num_classes**2)
  counts = jax.ops.segment_sum(
      jnp.ones(cells.size, jnp.int32), cells.ravel(), num_classes**2 + 1
  )
  return counts[:-1].reshape(num_classes, num_classes)


def iou(counts: Counts) -> Float[np.ndarray, " k"]:
  """TP / (TP + FP + FN) per class; nan where a class never occurs.

  The intersection over union of PASCAL VOC (Everingham et al. 2010, Sec. 4.2).

  `counts`: rows truth, columns prediction, summed over the whole split.
  """
  tp = np.diag(counts)
  with np.errstate(invalid="ignore"):
    return tp / (counts.sum(0) + counts.sum(1) - tp)


def pixel_accuracy(counts: Counts) -> float:
  """Share of the labelled pixels that are right ("global accuracy")."""
  with np.errstate(invalid="ignore"):
    return float(np.diag(counts).sum() / counts.sum())


def class_accuracy(counts: Counts) -> Float[np.ndarray, " k"]:
  """Share of a class's pixels that are right; nan where it never occurs."""
  with np.errstate(invalid="ignore"):
    return np.diag(counts) / counts.sum(1)


def frequency_weighted_iou(counts: Counts) -> float:
  """IoU averaged over pixels' true classes (FCN, arXiv:1411.4038, Sec. 5)."""
  truth = counts.sum(1)
  present = truth > 0
  if not present.any():
    return float("nan")
  return float((truth[present] * iou(counts)[present]).sum() / truth.sum())


def summarize(
    counts: Counts, names: Sequence[str]
) -> dict[str, float | dict[str, float | None] | None]:
  """The figures of a results table, ready for JSON (None for nan).

  Means are over the classes that occur, in the truth or in a prediction.

  Raises:
    ValueError: there are not as many names as classes.
  """
  if counts.shape != (len(names), len(names)):
    raise ValueError(
        f"a {counts.shape} confusion matrix for the {len(names)} classes"
        f" {tuple(names)}"
    )

  def number(value):
    return None if np.isnan(value) else float(value)

  def mean(values):
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else None

  per_class = iou(counts)
  return {
      "miou": mean(per_class),
      "pixel_accuracy": number(pixel_accuracy(counts)),
      "class_accuracy": mean(class_accuracy(counts)),
      "fwiou": number(frequency_weighted_iou(counts)),
      "iou": {name: number(v) for name, v in zip(names, per_class)},
  }
