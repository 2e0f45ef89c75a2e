"""Losses: pure functions (logits, labels) -> scalar."""

from segjax.losses import weights
from segjax.losses.border import border, border_labels
from segjax.losses.combine import combine
from segjax.losses.cross_entropy import cross_entropy
from segjax.losses.focal import focal
from segjax.losses.hard_pixels import (
    bootstrapped_cross_entropy,
    ohem_cross_entropy,
)
from segjax.losses.lovasz import lovasz_hinge, lovasz_softmax
from segjax.losses.overlap import dice, focal_tversky, iou, tversky
from segjax.losses.presence import presence

__all__ = [
    "bootstrapped_cross_entropy",
    "border",
    "border_labels",
    "combine",
    "cross_entropy",
    "dice",
    "focal",
    "focal_tversky",
    "iou",
    "lovasz_hinge",
    "lovasz_softmax",
    "ohem_cross_entropy",
    "presence",
    "tversky",
    "weights",
]
