"""The confusion matrix of a whole split, and what is read off it."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
import numpy as np

from segjax.metrics import report

Counts = Int[np.ndarray, "k _"]
"""Rows truth, columns prediction, and perhaps one more for void predictions."""


def confusion_matrix(
    labels: Int[Array, "n h w"],
    predictions: Int[Array, "n h w"],
    num_classes: int,
    *,
    ignore_label: int = 255,
    void_predictions: bool = False,
) -> Int[Array, "{num_classes} _"]:
  """Pixels counted by truth (rows) and prediction (columns), as int32.

  Counted in whole numbers (a float32 stops counting at 2**24), without
  boolean indexing, so it runs inside a jitted step. A pixel counts if it is
  labelled. A network always predicts a class; label maps from elsewhere may
  hold void.

  Args:
    labels: class ids; all that are no class are void.
    predictions: class ids; elsewhere, such as 255, no class was predicted.
    num_classes: k.
    ignore_label: marks what nobody labelled.
    void_predictions: adds a last column, of the labelled pixels without a
      predicted class: missed by their class and claimed by no other, as
      cityscapesScripts counts them. Otherwise they are counted nowhere.
  """
  labels = labels.astype(jnp.int32)
  predictions = predictions.astype(jnp.int32)
  labelled = (labels != ignore_label) & (labels >= 0) & (labels < num_classes)
  predicted = (predictions >= 0) & (predictions < num_classes)
  columns = num_classes + void_predictions
  if void_predictions:
    predictions = jnp.where(predicted, predictions, num_classes)
    counted = labelled
  else:
    counted = labelled & predicted
  last = num_classes * columns
  cells = jnp.where(counted, labels * columns + predictions, last)
  counts = jax.ops.segment_sum(
      jnp.ones(cells.size, jnp.int32), cells.ravel(), last + 1
  )
  return counts[:-1].reshape(num_classes, columns)


def iou(counts: Counts) -> Float[np.ndarray, " k"]:
  """TP / (TP + FP + FN) per class; nan where a class never occurs.

  The intersection over union of PASCAL VOC (Everingham et al. 2010, Sec. 4.2)
  and of Cityscapes. A class that is only predicted has 0; a class that is in
  neither has nan, which Cityscapes leaves out of the mean, as we do, and in
  VOC's script spreads to the mean.

  `counts`: rows truth, columns prediction, summed over the whole split.
  """
  tp, truth, predicted = _sums(counts)
  with np.errstate(invalid="ignore"):
    return tp / (truth + predicted - tp)


def dice(counts: Counts) -> Float[np.ndarray, " k"]:
  """2 TP / (2 TP + FP + FN) per class; nan where a class never occurs.

  The coefficient of Dice 1945, also called F1; 2 IoU / (1 + IoU).
  """
  tp, truth, predicted = _sums(counts)
  with np.errstate(invalid="ignore"):
    return 2 * tp / (truth + predicted)


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
    counts: Counts, names: Sequence[str], classes: Sequence[str] = ()
) -> dict[str, float | dict[str, float | None] | None]:
  """The figures of a results table, ready for JSON (None for nan).

  Means are over the classes that occur, in the truth or in a prediction; that
  of class accuracy over those in the truth. `classes` names those that means
  are over, all if there are none; pixels of the others count as ever.

  Raises:
    ValueError: there are not as many names as classes, or not all of `classes`
      are names.
  """
  k = len(names)
  if counts.shape not in ((k, k), (k, k + 1)):
    raise ValueError(
        f"a {counts.shape} confusion matrix for the {k} classes {tuple(names)}"
    )
  check_names(classes, names)
  meant = [i for i, name in enumerate(names) if name in (classes or names)]
  per_class = iou(counts)
  return {
      "miou": report.mean(per_class[meant]),
      "pixel_accuracy": report.number(pixel_accuracy(counts)),
      "class_accuracy": report.mean(class_accuracy(counts)[meant]),
      "fwiou": report.number(frequency_weighted_iou(counts)),
      "mdice": report.mean(dice(counts)[meant]),
      "iou": report.by_name(names, per_class),
  }


def check_names(classes: Sequence[str], names: Sequence[str]) -> None:
  """Raises ValueError, with all names, where not all `classes` are among them."""
  unknown = sorted(set(classes) - set(names))
  if unknown:
    raise ValueError(
        f"no class is named {', '.join(map(repr, unknown))}; there are"
        f" {', '.join(names)}"
    )


def _sums(counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Right, true and predicted pixels of each class."""
  return np.diag(counts), counts.sum(1), counts[:, : len(counts)].sum(0)
