"""How well the borders between classes are found, on the host.

Each function reads one image: its label map and the predicted one, both (h, w).
A pixel that nobody labelled is void in the prediction too, whatever was
predicted there; where a class meets void, it ends.
"""

from collections.abc import Sequence

import cv2
from jaxtyping import Bool, Float, Int, UInt8
import numpy as np

from segjax.metrics import confusion, report

Map = Int[np.ndarray, "h w"]


def boundary_f1(
    label: Map,
    prediction: Map,
    num_classes: int,
    *,
    tolerance: float = 0.0075,
    ignore_label: int = 255,
) -> Float[np.ndarray, " k"]:
  """The boundary F1 of each class; nan for a class that the truth has not.

  The semantic contour score of Csurka et al. 2013 (What is a good evaluation
  measure for semantic segmentation?, BMVC), as SegNet reports it
  (arXiv:1511.00561, Sec. 4): the mean over the classes in an image's truth is
  the image's, and the mean over images is the split's, its BF. The contour of a
  class are its pixels with a neighbour above, below, left or right, inside the
  image, that is not of the class. Precision is the share of the predicted
  contour that lies no farther from the true one than the tolerance, recall the
  share of the true one that lies no farther from the predicted one, and the
  score 2 P R / (P + R): 0 without any match, and 1 for a class that fills both
  images, which have no contour then.

  Args:
    label: class ids; all that are no class are void.
    prediction: class ids.
    num_classes: k.
    tolerance: as a share of the image's diagonal.
    ignore_label: marks what nobody labelled.

  Raises:
    ValueError: the maps differ in size, or a labelled pixel has no predicted
      class.
  """
  truth, guess = _maps(label, prediction, num_classes, ignore_label)
  reach = tolerance * np.hypot(*truth.shape)
  ends, claimed = contours(truth), contours(guess)
  scores = np.full(num_classes, np.nan)
  for c in np.unique(truth[truth > 0]):
    true, found = ends & (truth == c), claimed & (guess == c)
    if true.any() and found.any():
      left, top, w, h = cv2.boundingRect((true | found).astype(np.uint8))
      box = np.s_[top : top + h, left : left + w]
      true, found = true[box], found[box]
      near = _distance(true)[found] <= reach, _distance(found)[true] <= reach
      precision, recall = (share.mean() for share in near)
      total = precision + recall
      scores[c - 1] = 2 * precision * recall / total if total else 0.0
    else:
      both_whole = not true.any() and not found.any() and (guess == c).any()
      scores[c - 1] = float(both_whole)
  return scores


def boundary_iou_counts(
    label: Map,
    prediction: Map,
    num_classes: int,
    *,
    dilation: float = 0.02,
    ignore_label: int = 255,
) -> Int[np.ndarray, "3 k"]:
  """What `boundary_iou` needs of one image; the sum over a split is its.

  Rows: the pixels of each class in both bands, in the true and in the
  predicted one. A class's band are its pixels that have something else, which
  may be what lies outside of the image, within d rows and columns; d is
  `dilation` times the image's diagonal, rounded, at least 1.

  Args:
    label: class ids; all that are no class are void.
    prediction: class ids.
    num_classes: k.
    dilation: as a share of the image's diagonal.
    ignore_label: marks what nobody labelled.

  Raises:
    ValueError: as `boundary_f1`.
  """
  truth, guess = _maps(label, prediction, num_classes, ignore_label)
  d = max(1, round(dilation * float(np.hypot(*truth.shape))))
  true, found = truth * _band(truth, d), guess * _band(guess, d)
  both = np.where(true == found, true, 0)
  return np.stack(
      [
          np.bincount(m.ravel(), minlength=num_classes + 1)[1:]
          for m in (both, true, found)
      ]
  )


def boundary_iou(counts: Int[np.ndarray, "3 k"]) -> Float[np.ndarray, " k"]:
  """The IoU of each class's bands; nan where a class has none.

  Boundary IoU (Cheng et al. 2021, arXiv:2103.16562, Eq. 2), which measures
  single objects: here those of a class are one, over the whole split.
  """
  both, true, found = counts
  with np.errstate(invalid="ignore"):
    return both / (true + found - both)


def trimap_counts(
    label: Map,
    prediction: Map,
    num_classes: int,
    *,
    widths: Sequence[int] = (1, 2, 3, 5, 10, 20, 40),
    ignore_label: int = 255,
) -> Int[np.ndarray, "w k k"]:
  """Confusion matrices of the labelled pixels near a true border, by width.

  The trimap of Kohli et al. 2009 (Robust higher order potentials for enforcing
  label consistency, IJCV), with which the dense CRF (arXiv:1210.5644, Sec. 5)
  and DeepLab (arXiv:1412.7062, Sec. 5) are measured: the pixels less than a
  width away from a contour, that is a pixel that touches another class or void.
  The mean of `iou` of the sums over a split, by width, is the trimap's curve.

  Args:
    label: class ids; all that are no class are void.
    prediction: class ids.
    num_classes: k.
    widths: in pixels, increasing.
    ignore_label: marks what nobody labelled.

  Raises:
    ValueError: as `boundary_f1`, or the widths do not increase from above 0.
  """
  if min(widths) <= 0 or list(widths) != sorted(set(widths)):
    raise ValueError(f"widths must increase from above 0, not {tuple(widths)}")
  truth, guess = _maps(label, prediction, num_classes, ignore_label)
  shape = (len(widths), num_classes, num_classes)
  ends = contours(truth)
  if not ends.any():
    return np.zeros(shape, np.int64)
  ring = np.searchsorted(widths, _distance(ends), side="right")
  counted = (truth > 0) & (ring < len(widths))
  where = (ring[counted], truth[counted] - 1, guess[counted] - 1)
  cells = np.ravel_multi_index(where, shape)
  rings = np.bincount(cells, minlength=np.prod(shape)).reshape(shape)
  return rings.cumsum(0)


def trimap_iou(counts: Int[np.ndarray, "w k k"]) -> Float[np.ndarray, " w"]:
  """The mean IoU by width; nan where there is no pixel."""
  means = [report.mean(confusion.iou(matrix)) for matrix in counts]
  return np.array([np.nan if mean is None else mean for mean in means])


def contours(labels: Map) -> Bool[np.ndarray, "h w"]:
  """The pixels with another label above, below, left or right of them."""
  found = np.zeros(labels.shape, bool)
  for one, other in (
      (np.s_[1:, :], np.s_[:-1, :]),
      (np.s_[:, 1:], np.s_[:, :-1]),
  ):
    differs = labels[one] != labels[other]
    found[one] |= differs
    found[other] |= differs
  return found


def _maps(
    label: Map, prediction: Map, num_classes: int, ignore_label: int
) -> tuple[UInt8[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]]:
  """Truth and prediction counted from 1, with 0 for void."""
  label, prediction = np.asarray(label), np.asarray(prediction)
  if label.ndim != 2 or label.shape != prediction.shape:
    raise ValueError(
        f"a prediction {prediction.shape} for a label map {label.shape}: both"
        " must be the same (h, w)"
    )
  if not 0 < num_classes < 256:
    raise ValueError(f"num_classes is 1 to 255, not {num_classes}")
  valid = (label != ignore_label) & (label >= 0) & (label < num_classes)
  guesses = prediction[valid]
  if guesses.size and not 0 <= guesses.min() <= guesses.max() < num_classes:
    raise ValueError(
        f"predictions of labelled pixels are {guesses.min()} to"
        f" {guesses.max()}; there are the classes 0 to {num_classes - 1}"
    )
  shifted = (
      np.where(valid, m, -1).astype(int) + 1 for m in (label, prediction)
  )
  truth, guess = (m.astype(np.uint8) for m in shifted)
  return truth, guess


def _band(labels: UInt8[np.ndarray, "h w"], d: int) -> UInt8[np.ndarray, "h w"]:
  """1 where the square of d around a pixel holds another label, or the edge."""
  square = np.ones((2 * d + 1, 2 * d + 1), np.uint8)
  outside = dict(borderType=cv2.BORDER_CONSTANT, borderValue=0)
  lowest = cv2.erode(labels, square, **outside)
  highest = cv2.dilate(labels, square, **outside)
  return (lowest != highest).astype(np.uint8)


def _distance(points: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
  """From each pixel to the nearest of the points, in pixels."""
  return cv2.distanceTransform(
      (~points).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
  )
