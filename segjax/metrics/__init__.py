"""Metrics: whole-number counts on the device, ratios on the host."""

from segjax.metrics.boundary import (
    boundary_f1,
    boundary_iou,
    boundary_iou_counts,
    trimap_counts,
    trimap_iou,
)
from segjax.metrics.boundary_scores import BoundaryScores
from segjax.metrics.confusion import (
    check_names,
    class_accuracy,
    confusion_matrix,
    dice,
    frequency_weighted_iou,
    iou,
    pixel_accuracy,
    summarize,
)
from segjax.metrics.membrane_scores import MembraneScores
from segjax.metrics.membranes import pixel_error, rand_error, v_info, v_rand
from segjax.metrics.warping import warping_error

__all__ = [
    "BoundaryScores",
    "MembraneScores",
    "boundary_f1",
    "boundary_iou",
    "boundary_iou_counts",
    "check_names",
    "class_accuracy",
    "confusion_matrix",
    "dice",
    "frequency_weighted_iou",
    "iou",
    "pixel_accuracy",
    "pixel_error",
    "rand_error",
    "summarize",
    "trimap_counts",
    "trimap_iou",
    "v_info",
    "v_rand",
    "warping_error",
]
