"""Metrics: whole-number counts on the device, ratios on the host."""

from segjax.metrics.confusion import (
    class_accuracy,
    confusion_matrix,
    frequency_weighted_iou,
    iou,
    pixel_accuracy,
    summarize,
)

__all__ = [
    "class_accuracy",
    "confusion_matrix",
    "frequency_weighted_iou",
    "iou",
    "pixel_accuracy",
    "summarize",
]
