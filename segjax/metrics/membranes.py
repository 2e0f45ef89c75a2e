"""The errors of the ISBI 2012 challenge on neuronal membranes.

Cells are the foreground. The figures of its first protocol, which U-Net states
(arXiv:1505.04597, Table 1), are `pixel_error`, `rand_error` and
`warping.warping_error`; Arganda-Carreras et al. 2015 (Crowdsourcing the
creation of image segmentation algorithms for connectomics, Frontiers in
Neuroanatomy 9:142) replaced them by `v_rand` and `v_info`. The challenge takes
the best of several thresholds on the slices that it measures; `MembraneScores`
does so. Where a paper leaves a choice open, it is made as in the challenge's
own program, Fiji's Trainable Segmentation (package `metrics`).
"""

import collections
from collections.abc import Callable
from typing import NamedTuple

import cv2
from jaxtyping import Bool, Int, Num
import numpy as np

from segjax.metrics import warping

Map = Num[np.ndarray, "h w"]
Segments = Int[np.ndarray, "h w"]


class Share(NamedTuple):
  """A figure of one slice or of several: a part of a whole."""

  part: float
  whole: float

  def __add__(self, other: "Share") -> "Share":
    return Share(self.part + other.part, self.whole + other.whole)


def ratio(share: Share, empty: float) -> float:
  """The figure; `empty` where the whole is 0."""
  return float(share.part / share.whole) if share.whole else empty


def pixel_error(
    probability: Map, truth: Map, *, threshold: float = 0.5
) -> float:
  """1 - F, F = 2 TP / (2 TP + FP + FN) of the pixels of cells.

  Ciresan et al. 2012 (Deep neural networks segment neuronal membranes in
  electron microscopy images, NIPS, Sec. 3); 0 where neither map has a cell. The
  challenge does not restrict it to the foreground.

  Args:
    probability: of a cell, 0 to 1, or a binary map with 1 for cells.
    truth: 1 in cells, 0 in membranes.
    threshold: above it is a cell.

  Raises:
    ValueError: as `warping.maps`.
  """
  return ratio(_pixels(*warping.maps(probability, truth, threshold)), 0.0)


def rand_error(
    probability: Map, truth: Map, *, threshold: float = 0.5
) -> float:
  """1 - F of the pairs of pixels that are in one cell, foreground-restricted.

  The Rand error of the challenge's first protocol (Ciresan et al. 2012, Sec.
  3). Cells are connected through the sides of pixels. Only the pixels of true
  cells count, F = 2 P R / (P + R): precision P is the share of the pairs within
  a predicted cell that are within a true one, recall R the reverse. A pixel of
  a true cell that is predicted as membrane is in no predicted pair.

  Args and errors as of `pixel_error`; 0 where there is no pair at all.
  """
  cells, truth = warping.maps(probability, truth, threshold)
  return ratio(_rand(_overlaps(segments(truth), segments(cells))), 0.0)


def v_rand(probability: Map, truth: Map, *, threshold: float = 0.5) -> float:
  """The Rand score of Arganda-Carreras et al. 2015, Eq. (3), after thinning.

  V = sum p_ij^2 / (sum s_i^2 / 2 + sum t_j^2 / 2), its alpha being 0.5, where
  p_ij is the share of the pixels of true cells that are in the predicted cell i
  and the true cell j, and s_i and t_j are its sums over j and i. Predicted membranes are `thin`ned
  first, true ones are not; a pixel of a true cell on a predicted membrane is a
  segment of its own. 1 is perfect.

  Args and errors as of `pixel_error`; 1 where the truth has no cell.
  """
  cells, truth = warping.maps(probability, truth, threshold)
  return ratio(_v_rand(_overlaps(segments(truth), thin(cells))), 1.0)


def v_info(probability: Map, truth: Map, *, threshold: float = 0.5) -> float:
  """The information theoretic score of Arganda-Carreras et al. 2015.

  V = I(S; T) / (H(S) / 2 + H(T) / 2), the mutual information of the predicted
  and the true segments of a pixel over their mean entropy, with the pixels and
  the thinning of `v_rand`. 1 is perfect.

  Args and errors as of `pixel_error`; 1 where both entropies are 0.
  """
  cells, truth = warping.maps(probability, truth, threshold)
  return _v_info(_overlaps(segments(truth), thin(cells))).part


def segments(cells: Bool[np.ndarray, "h w"]) -> Segments:
  """The cells, connected through the sides of pixels, from 1; 0 elsewhere."""
  return cv2.connectedComponents(
      cells.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S
  )[1]


def thin(cells: Bool[np.ndarray, "h w"]) -> Segments:
  """The `segments`, grown into the membranes until these are a pixel thin.

  The watershed of the binary map by flooding (Vincent and Soille 1991,
  Watersheds in digital spaces, PAMI), as in Fiji: cells grow through the sides
  of pixels, all at the same speed; a pixel that two cells have reached when its
  turn comes stays membrane, 0, and so does one that only membranes lead to.
  """
  height, width = cells.shape
  framed = np.pad(segments(cells).T, 1, constant_values=-1)
  labels = np.where(framed, framed, -2).ravel().tolist()  # -2: not seen yet
  steps = (-1, 1, -(height + 2), height + 2)
  cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
  border = cv2.dilate(cells.astype(np.uint8), cross).astype(bool) & ~cells
  border = np.ascontiguousarray(np.pad(border.T, 1))
  queue = collections.deque(np.flatnonzero(border).tolist())
  for p in queue:
    labels[p] = -3  # in the queue
  while queue:
    p = queue.popleft()
    found = 0
    for step in steps:
      label = labels[p + step]
      if label > 0:
        if not found:
          found = label
        elif found != label:
          found = -4
      elif label == -2:
        labels[p + step] = -3
        queue.append(p + step)
    labels[p] = max(found, 0)
  grown = np.array(labels, np.int32).reshape(width + 2, height + 2)
  return np.maximum(grown[1:-1, 1:-1].T, 0)


SCORES = ("v_rand", "v_info")
"""Of these `figures` 1 is perfect, of the others 0."""


def figures(
    probability: Map, truth: Map, *, threshold: float = 0.5
) -> dict[str, Share]:
  """All figures of one slice at one threshold, as what sums up over slices.

  Beside the challenge's: `topological_error`, the warping error over all of
  `warping.KINDS`, and `wrong_pixels`, the share of the pixels.

  Args and errors as of `pixel_error`.
  """
  cells, true = warping.maps(probability, truth, threshold)
  certainty = np.abs(np.asarray(probability, np.float64) - threshold)
  left = warping.differences(warping.warp(true, cells, certainty), cells)
  challenge = [1 + warping.KINDS.index(k) for k in warping.CHALLENGE_KINDS]
  whole = segments(true)
  thinned = _overlaps(whole, thin(cells))
  shares = {
      "pixel_error": _pixels(cells, true),
      "rand_error": _rand(_overlaps(whole, segments(cells))),
      "warping_error": Share(np.isin(left, challenge).sum(), left.size),
      "topological_error": Share(np.sum(left > 0), left.size),
      "wrong_pixels": Share(np.sum(cells != true), cells.size),
      "v_rand": _v_rand(thinned),
      "v_info": _v_info(thinned),
  }
  return {name: Share(*map(float, share)) for name, share in shares.items()}


def _pixels(
    cells: Bool[np.ndarray, "h w"], truth: Bool[np.ndarray, "h w"]
) -> Share:
  """1 - F as (FP + FN) / (2 TP + FP + FN)."""
  return Share(np.sum(cells != truth), np.sum(cells) + np.sum(truth))


class _Overlaps(NamedTuple):
  """How many pixels of true cells each segment has, as float64."""

  both: np.ndarray
  """Of each pair of a true and a predicted segment that meet."""
  true: np.ndarray
  found: np.ndarray


def _overlaps(true: Segments, found: Segments) -> _Overlaps:
  """A pixel on a predicted membrane is a predicted segment of its own."""
  inside = true > 0
  true, found = true[inside].astype(np.int64), found[inside].astype(np.int64)
  alone = found == 0
  found[alone] = found.max(initial=0) + 1 + np.arange(alone.sum())
  both = true * (found.max(initial=0) + 1) + found
  counts = (np.unique(x, return_counts=True)[1] for x in (both, true, found))
  return _Overlaps(*(count.astype(np.float64) for count in counts))


def _agreement(
    overlaps: _Overlaps, weigh: Callable[[np.ndarray], np.ndarray]
) -> Share:
  """F of what is weighed: 2 both / (true + found)."""
  both, true, found = (np.sum(weigh(counts)) for counts in overlaps)
  return Share(2 * both, true + found)


def _rand(overlaps: _Overlaps) -> Share:
  part, whole = _agreement(overlaps, lambda n: n * (n - 1))
  return Share(whole - part, whole)


def _v_rand(overlaps: _Overlaps) -> Share:
  return _agreement(overlaps, np.square)


def _v_info(overlaps: _Overlaps) -> Share:
  """As a share of 1, whose mean is over slices."""
  n = overlaps.true.sum()
  if not n:
    return Share(1.0, 1.0)
  entropy = lambda counts: -np.sum(counts / n * np.log(counts / n))
  both, true, found = map(entropy, overlaps)
  information = true + found - both
  return Share(ratio(Share(2 * information, true + found), 1.0), 1.0)
