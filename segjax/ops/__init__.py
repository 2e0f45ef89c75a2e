"""Pure functions of arrays, (n, h, w, c), that no paper owns."""

from segjax.ops.conv import conv, conv_transpose
from segjax.ops.normalize import normalize, PRESETS
from segjax.ops.pool import (
    adaptive_avg_pool,
    avg_pool,
    max_pool,
    max_pool_with_indices,
    max_unpool,
)
from segjax.ops.resize import resize_bilinear, resize_nearest

__all__ = [
    "PRESETS",
    "adaptive_avg_pool",
    "avg_pool",
    "conv",
    "conv_transpose",
    "max_pool",
    "max_pool_with_indices",
    "max_unpool",
    "normalize",
    "resize_bilinear",
    "resize_nearest",
]
