"""Names for what flows through the house."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Array, Float, Int, UInt8
import numpy as np

VOID = 255
"""The label of a pixel that nobody labelled, from the file to the metric."""

Image = Float[Array, "n h w c"]
Labels = Int[Array, "n h w"]
Logits = Float[Array, "n h w k"]
Features = Float[Array, "n h w c"]

Batch = Mapping[str, Any]
"""`image` uint8 (n, h, w, 3) in RGB order and `label` uint8 (n, h, w).

Batches for training may hold `weight` float32 (n, h, w), of each pixel's loss.
Batches for evaluation also hold `valid` bool (n,), False for a row that only
fills the batch up; `size` int32 (n, 2), height and width before padding; and
`index` int32 (n,), the position in the split.
"""

Outputs = dict[str, Array]
"""What a model returns: `logits` (n, h, w, k) and its auxiliary heads."""

Variables = Mapping[str, Any]
"""A model's `params` and, where it has any, `batch_stats`."""

HostImage = UInt8[np.ndarray, "h w 3"]
HostLabel = UInt8[np.ndarray, "h w"]
