"""Pure functions of arrays, (n, h, w, c), that no paper owns."""

from segjax.ops.conv import (
    atrous_sampled,
    atrous_zeros,
    conv,
)
from segjax.ops.conv_transpose import conv_transpose
from segjax.ops.lrn import local_response_norm
from segjax.ops.normalize import normalize, PRESETS
from segjax.ops.pad import pad
from segjax.ops.pool import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    max_pool,
    max_pool_dense,
    max_pool_with_indices,
    max_unpool,
)
from segjax.ops.resize import (
    resize_bilinear,
    resize_nearest,
    resize_region,
)
from segjax.ops.window import blend_weights, window_starts

__all__ = [
    "PRESETS",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "atrous_sampled",
    "atrous_zeros",
    "avg_pool",
    "blend_weights",
    "conv",
    "conv_transpose",
    "local_response_norm",
    "max_pool",
    "max_pool_dense",
    "max_pool_with_indices",
    "max_unpool",
    "normalize",
    "pad",
    "resize_bilinear",
    "resize_nearest",
    "resize_region",
    "window_starts",
]
