"""The challenge's figures of a stack of slices, slice after slice."""

import dataclasses
from typing import Any

import numpy as np

from segjax.metrics import membranes

THRESHOLDS = tuple(i / 10 for i in range(1, 10))
"""The steps of Fiji's scripts for the challenge, without 0 and 1."""


@dataclasses.dataclass
class MembraneScores:
  """The challenge's figures of a stack of slices, at the best thresholds.

  One threshold holds for all slices, and is chosen for each figure on the
  slices that are measured. Pixels, and pairs of pixels, count over the whole
  stack; V_info and the warping error are means over slices.

  Attributes:
    thresholds: to choose from.
    slices: for each, and each threshold, the figures.
  """

  thresholds: tuple[float, ...] = THRESHOLDS
  slices: list[list[dict[str, membranes.Share]]] = dataclasses.field(
      init=False, default_factory=list
  )

  def add(self, probability: membranes.Map, truth: membranes.Map) -> None:
    """Adds one slice: the probability of a cell, and 1 where there are cells.

    Raises:
      ValueError: as `warping.maps`.
    """
    self.slices.append(
        [
            membranes.figures(probability, truth, threshold=t)
            for t in self.thresholds
        ]
    )

  def summarize(self) -> dict[str, Any]:
    """The figures, ready for JSON, and how they were measured.

    Those of `membranes.figures`, each at its best threshold.

    Raises:
      ValueError: no slice was added.
    """
    if not self.slices:
      raise ValueError("there is no slice to summarize")
    names, best, curves, slices = list(self.slices[0][0]), {}, {}, {}
    for name in names:
      perfect = float(name in membranes.SCORES)
      curve = []
      for i in range(len(self.thresholds)):
        shares = [rows[i][name] for rows in self.slices]
        curve.append(
            membranes.ratio(sum(shares, membranes.Share(0.0, 0.0)), perfect)
        )
      distance = [abs(value - perfect) for value in curve]
      best[name] = at = int(np.argmin(distance))
      curves[name] = curve
      slices[name] = [
          membranes.ratio(rows[at][name], perfect) for rows in self.slices
      ]
    return {
        **{name: curves[name][best[name]] for name in names},
        "best_thresholds": {n: self.thresholds[best[n]] for n in names},
        "mean_over_slices": {n: float(np.mean(slices[n])) for n in names},
        "by_slice": slices,
        "by_threshold": {"threshold": list(self.thresholds), **curves},
        "slices": len(self.slices),
        "membrane_protocol": {
            "foreground": "cells, connected through the sides of pixels",
            "thresholds": "of the probability of a cell; for each figure the"
            " best for all slices together, chosen on these slices",
            "pixel_error": "1 - F of the pixels of cells in the stack",
            "rand_error": "1 - F of the pairs of pixels within a cell, in the"
            " stack, over pixels of true cells; membranes not thinned",
            "v_rand, v_info": "over pixels of true cells, predicted membranes"
            " thinned; v_rand over the stack, v_info the mean over slices",
            "warping_error": "pixels of splits and mergers that are left when"
            " the truth was warped, over all pixels; a missed cell costs"
            " nothing; topological_error counts objects and holes too",
        },
    }
