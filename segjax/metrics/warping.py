"""The warping error: how far two maps of cells differ in topology, in pixels.

Cells are connected through the four sides of a pixel, membranes through its
eight neighbours, and outside of the image all is membrane. A pixel is simple if
changing it neither splits, merges, adds nor deletes a cell or a membrane.
"""

import heapq

import cv2
from jaxtyping import Bool, Float, Int, Num, UInt8
import numpy as np

KINDS = (
    "split",
    "merger",
    "object_added",
    "object_deleted",
    "hole_added",
    "hole_deleted",
)
"""What a prediction does to the truth where the truth cannot be warped to it.

A hole is a membrane inside of a cell.
"""

CHALLENGE_KINDS = ("split", "merger")

_RING = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""The neighbours (row, column) in a circle: bit i of a neighbourhood is i's."""


def warping_error(
    probability: Num[np.ndarray, "h w"],
    truth: Num[np.ndarray, "h w"],
    *,
    threshold: float = 0.5,
    kinds: tuple[str, ...] = CHALLENGE_KINDS,
    mask: Bool[np.ndarray, "h w"] | None = None,
) -> float:
  """The share of the pixels that stay wrong when the truth has been warped.

  Jain et al. 2010 (Boundary learning by optimization with topological
  constraints, CVPR): the truth is warped towards the prediction, see `warp`,
  and what still differs changes its topology. With all of `KINDS` this
  is their error. The challenge of ISBI 2012, and so U-Net (arXiv:1505.04597,
  Table 1), counts the pixels of splits and mergers alone (Ciresan et al. 2012,
  NIPS, Sec. 3; the "minimum splits and mergers" of Fiji's Trainable
  Segmentation, pixel by pixel), at the threshold where they are fewest. Cells
  that are missed altogether cost nothing there: no cell at all is no error.

  Args:
    probability: of a cell, 0 to 1, or a binary map with 1 for cells.
    truth: 1 in cells, 0 in membranes.
    threshold: above it is a cell.
    kinds: that count.
    mask: where the truth may be warped, and where errors count; everywhere if
      None, as in the challenge.

  Raises:
    ValueError: as `maps`, or an unknown kind.
  """
  unknown = sorted(set(kinds) - set(KINDS))
  if unknown:
    raise ValueError(
        f"there is no kind {', '.join(unknown)}; there are {', '.join(KINDS)}"
    )
  cells, truth = maps(probability, truth, threshold)
  certainty = np.abs(np.asarray(probability, np.float64) - threshold)
  found = differences(warp(truth, cells, certainty, mask=mask), cells)
  if mask is not None:
    found = np.where(mask, found, 0)
  counted = [1 + KINDS.index(kind) for kind in kinds]
  return float(np.isin(found, counted).mean())


def warp(
    truth: Bool[np.ndarray, "h w"],
    cells: Bool[np.ndarray, "h w"],
    certainty: Float[np.ndarray, "h w"] | None = None,
    *,
    mask: Bool[np.ndarray, "h w"] | None = None,
) -> Bool[np.ndarray, "h w"]:
  """The truth, changed to the prediction one simple pixel after the other.

  A descent, as of Jain et al. 2010, whose end need not be the closest warping.
  Its order is that of Fiji's WarpingError: rounds over the pixels that differ,
  the most certain first and equally certain ones column by column, until a
  round changes nothing. Here a round looks only at pixels next to a change,
  which gives the same. No pixel changes that both agree on: a membrane farther
  off than it is wide is a split and a merger.

  Args:
    truth: where cells are.
    cells: where they are predicted.
    certainty: of the prediction, the distance of its probability from the
      threshold; the same everywhere if None.
    mask: where pixels may change; everywhere if None.
  """
  wrong = truth != cells
  if mask is not None:
    wrong = wrong & mask
  # Flat maps, column after column, in a frame of membrane.
  flat = lambda x: np.ascontiguousarray(np.pad(x.T, 1)).ravel()
  where = np.flatnonzero(flat(wrong))
  if certainty is not None:
    where = where[np.argsort(-flat(certainty)[where], kind="stable")]
  turns, height = len(where), len(truth) + 2
  ranks = np.zeros(flat(truth).size, np.int64)
  ranks[where] = np.arange(turns)
  ready = wrong & _SIMPLE[_neighbourhoods(np.pad(truth, 1))]
  queue = np.sort(ranks[flat(ready)]).tolist()
  steps = [column * height + row for row, column in _RING]
  simple, order, ranks = _SIMPLE.tolist(), where.tolist(), ranks.tolist()
  now, todo = bytearray(flat(truth)), bytearray(flat(wrong))
  # A pixel's turn in round r is r * turns + its rank.
  while queue:
    turn = heapq.heappop(queue)
    rank = turn % turns
    p = order[rank]
    if not todo[p]:
      continue
    bits = 0
    for i, step in enumerate(steps):
      bits |= now[p + step] << i
    if not simple[bits]:
      continue
    now[p] ^= 1
    todo[p] = 0
    begin = turn - rank
    for step in steps:
      q = p + step
      if todo[q]:
        other = ranks[q]
        heapq.heappush(queue, begin + other + turns * (other < rank))
  warped = np.frombuffer(now, np.uint8).reshape(-1, height).T
  return warped[1:-1, 1:-1].astype(bool)


def differences(
    warped: Bool[np.ndarray, "h w"], cells: Bool[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w"]:
  """What a prediction does to each pixel that warping has left different.

  0 where both agree, 1 + i for kind i of `KINDS`. The rules are those of
  Fiji's WarpingError on the 8 neighbours of a pixel of the warped truth, which
  inside the image are:

  - all membrane: a cell of this pixel is deleted, or added;
  - all of one cell: a hole is added, or deleted;
  - membrane and one cell: a membrane that becomes a cell adds a hole; a cell
    that becomes a membrane splits this cell, or opens a hole to its outside;
  - of several cells: these are merged, or the pixel's cell is split.

  Args:
    warped: the truth, warped.
    cells: the prediction.
  """
  y, x = np.nonzero(warped != cells)
  framed = np.pad(warped, 1)
  objects = np.pad(_components(warped, 4), 1, constant_values=-1)
  outside = _components(~framed, 8)
  around = lambda labels: np.sort(
      np.stack([labels[y + 1 + i, x + 1 + j] for i, j in _RING], -1), -1
  )
  near = around(objects)
  parts, touches = _distinct(near), (near == 0).any(-1)
  white = warped[y, x]
  # A cell falls apart where fewer membranes meet than the pixel has sides to.
  arcs = _ARCS[_neighbourhoods(framed)[y, x]]
  splits = (parts > 1) | (touches & (arcs > _distinct(around(outside))))
  kind = np.select(
      [
          parts == 0,
          (parts == 1) & ~touches,
          ~white & (parts == 1),
          ~white,
          splits,
      ],
      [
          np.where(white, "object_deleted", "object_added"),
          np.where(white, "hole_added", "hole_deleted"),
          "hole_added",
          "merger",
          "split",
      ],
      "hole_deleted",
  )
  found = np.zeros(warped.shape, np.uint8)
  for i, name in enumerate(KINDS, start=1):
    found[y[kind == name], x[kind == name]] = i
  return found


def maps(
    probability: Num[np.ndarray, "h w"],
    truth: Num[np.ndarray, "h w"],
    threshold: float,
) -> tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
  """Where cells are predicted, above the threshold, and where they are.

  Raises:
    ValueError: the maps are not of one size, a probability is not 0 to 1, or
      the truth is neither 0 nor 1.
  """
  probability, truth = np.asarray(probability), np.asarray(truth)
  if truth.ndim != 2 or truth.shape != probability.shape:
    raise ValueError(
        f"a prediction {probability.shape} for a truth {truth.shape}: both must"
        " be the same (h, w)"
    )
  if not np.all((probability >= 0) & (probability <= 1)):
    raise ValueError("probabilities of cells must be 0 to 1, all of them")
  if not np.isin(truth, (0, 1)).all():
    raise ValueError(
        "the truth must be 1 in cells and 0 in membranes; it has"
        f" {', '.join(map(str, np.setdiff1d(truth, (0, 1))[:5]))}"
    )
  return probability > threshold, truth.astype(bool)


def _components(
    mask: Bool[np.ndarray, "h w"], connectivity: int
) -> Int[np.ndarray, "h w"]:
  return cv2.connectedComponents(
      mask.astype(np.uint8), connectivity=connectivity, ltype=cv2.CV_32S
  )[1]


def _distinct(labels: Int[np.ndarray, "n 8"]) -> Int[np.ndarray, " n"]:
  """How many labels above 0 there are in each sorted row."""
  new = labels[:, 1:] != labels[:, :-1]
  return (labels[:, 0] > 0) + (new & (labels[:, 1:] > 0)).sum(-1)


def _neighbourhoods(
    framed: Bool[np.ndarray, "h w"],
) -> UInt8[np.ndarray, "h2 w2"]:
  """Which of a pixel's neighbours are cells, as bits, without the frame."""
  h, w = framed.shape
  bits = np.zeros((h - 2, w - 2), np.uint8)
  for i, (row, column) in enumerate(_RING):
    part = framed[1 + row : h - 1 + row, 1 + column : w - 1 + column]
    bits |= part.astype(np.uint8) << i
  return bits


def _arcs() -> UInt8[np.ndarray, " 256"]:
  """Of each neighbourhood, its parts that touch the pixel by a side."""
  arcs = np.zeros(256, np.uint8)
  for bits in range(256):
    ring = [bits >> i & 1 for i in range(8)]
    gaps = [i for i in range(8) if not ring[i]]
    if not gaps:
      arcs[bits] = 1
      continue
    ring = ring[gaps[0] :] + ring[: gaps[0]]
    sides = [(gaps[0] + i) % 2 == 0 for i in range(8)]
    inside = False
    for cell, side in zip(ring, sides):
      if cell and side and not inside:
        arcs[bits] += 1
        inside = True
      inside = inside and bool(cell)
  return arcs


_ARCS = _arcs()
_SIMPLE = (_ARCS == 1) & (np.arange(256) < 255)
