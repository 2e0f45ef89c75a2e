"""Boundary quality of a split, image after image."""

from collections.abc import Sequence
import dataclasses
from typing import Any

import jax
from jaxtyping import Int
import numpy as np

from segjax import types
from segjax.metrics import boundary, report


@dataclasses.dataclass
class BoundaryScores:
  """Sums over images from which boundary F1, IoU and trimap curves follow.

  `training.evaluate` takes its `add_batch` as `show`:

    scores = BoundaryScores(labels.names)
    counts = evaluate.evaluate(..., show=scores.add_batch)
    report = metrics.summarize(counts, labels.names) | scores.summarize()

  Over several processes each adds its own rows; the sum of their `totals`,
  arrays by name, is that of the split.

  Attributes:
    names: of the classes.
    tolerance: of `boundary_f1`, as a share of the diagonal.
    dilation: of `boundary_iou_counts`, as a share of the diagonal.
    widths: of `trimap_counts`, in pixels.
    totals: the sums so far.
  """

  names: Sequence[str]
  tolerance: float = 0.0075
  dilation: float = 0.02
  widths: tuple[int, ...] = (1, 2, 3, 5, 10, 20, 40)
  totals: dict[str, np.ndarray] = dataclasses.field(init=False)

  def __post_init__(self):
    k, w = len(self.names), len(self.widths)
    self.totals = {
        "f1": np.zeros(k),
        "f1_images": np.zeros(k, np.int64),
        "image_f1": np.zeros(()),
        "images": np.zeros((), np.int64),
        "boundary": np.zeros((3, k), np.int64),
        "trimap": np.zeros((w, k, k), np.int64),
    }

  def add(
      self, label: Int[np.ndarray, "h w"], prediction: Int[np.ndarray, "h w"]
  ) -> None:
    """Adds one image, at the size of its label map.

    Raises:
      ValueError: as `boundary.boundary_f1`.
    """
    k = len(self.names)
    f1 = boundary.boundary_f1(label, prediction, k, tolerance=self.tolerance)
    found = ~np.isnan(f1)
    one = {
        "f1": np.where(found, f1, 0),
        "f1_images": found,
        "image_f1": f1[found].mean() if found.any() else 0.0,
        "images": found.any(),
        "boundary": boundary.boundary_iou_counts(
            label, prediction, k, dilation=self.dilation
        ),
        "trimap": boundary.trimap_counts(
            label, prediction, k, widths=self.widths
        ),
    }
    self.totals = {name: self.totals[name] + one[name] for name in one}

  def add_batch(
      self, batch: types.Batch, predictions: Int[jax.Array, "n h w"]
  ) -> None:
    """Adds the images of an evaluation batch, without what pads them."""
    predictions = np.asarray(predictions)
    for row in np.flatnonzero(batch["valid"]):
      h, w = batch["size"][row]
      self.add(batch["label"][row, :h, :w], predictions[row, :h, :w])

  def summarize(self) -> dict[str, Any]:
    """The figures, ready for JSON (None for nan), and how they were measured.

    `boundary_f1` is the mean over images, SegNet's BF; `boundary_iou` and the
    trimaps' are means over the classes that occur.
    """
    totals = self.totals
    with np.errstate(invalid="ignore"):
      f1 = totals["f1"] / totals["f1_images"]
      image_f1 = totals["image_f1"] / totals["images"]
    iou = boundary.boundary_iou(totals["boundary"])
    widths = map(str, self.widths)
    trimap = boundary.trimap_iou(totals["trimap"])
    return {
        "boundary_f1": report.number(image_f1),
        "boundary_iou": report.mean(iou),
        "trimap_miou": report.by_name(tuple(widths), trimap),
        "boundary_by_class": {
            "f1": report.by_name(self.names, f1),
            "iou": report.by_name(self.names, iou),
        },
        "boundary_protocol": {
            "f1_tolerance": self.tolerance,
            "iou_dilation": self.dilation,
            "of": "the diagonal of the label map",
        },
    }
