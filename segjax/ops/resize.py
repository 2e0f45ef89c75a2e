"""Resizing of feature maps and labels, with both corner conventions.

Bilinear interpolation is linear and separable, so it is two small matrices, one
an axis: exact gradients, no gather, and the accelerators' favourite operation.
Rows that are spread over devices are sums over their neighbours instead.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Shaped
import numpy as np

from segjax.ops import space


@functools.lru_cache(maxsize=512)
def _bilinear_weights(
    size: int, target: int, align_corners: bool, factor: float | None
) -> Float[np.ndarray, "target size"]:
  """Row t holds the weights of the source pixels in target pixel t."""
  t = np.arange(target, dtype=np.float64)
  if align_corners and factor is not None:
    at = np.minimum(t / factor, size - 1)
  elif align_corners:
    at = t * ((size - 1) / (target - 1)) if target > 1 else np.zeros(1)
  else:
    step = size / target if factor is None else 1 / factor
    at = np.maximum((t + 0.5) * step - 0.5, 0)
  low = np.minimum(np.floor(at).astype(np.int64), size - 1)
  high = np.minimum(low + 1, size - 1)
  weights = np.zeros((target, size))
  np.add.at(weights, (np.arange(target), low), 1 - (at - low))
  np.add.at(weights, (np.arange(target), high), at - low)
  return weights.astype(np.float32)


def resize_bilinear(
    x: Float[Array, "n h w c"],
    size: tuple[int, int],
    *,
    align_corners: bool = False,
    factor: float | None = None,
) -> Float[Array, "n h2 w2 c"]:
  """Bilinear interpolation to `size`, equal to PyTorch's `interpolate`.

  Args:
    x: maps of any float type; the sums are float32.
    size: (height, width) of the result.
    align_corners: True makes the centres of the corner pixels meet (Caffe's
      Interp, TensorFlow's DeepLab); False the outer edges of the images
      (torchvision, mmsegmentation). No smoothing when shrinking.
    factor: target pixels per source pixel, where they are not the ratio of the
      sizes (PyTorch's `scale_factor`). With `align_corners` the first corners
      meet, and past the last source pixel it is repeated.
  """
  height, width = (int(s) for s in size)
  for axis, target, formula in (
      (1, height, "th,nhwc->ntwc"),
      (2, width, "tw,nhwc->nhtc"),
  ):
    if target != x.shape[axis]:
      weights = _bilinear_weights(x.shape[axis], target, align_corners, factor)
      y = None
      if axis == 1 and space.parts(x) > 1:
        y = space.mix_rows(x, weights)
      if y is None and axis == 1 and x.shape[1] < target:
        x = space.whole(x)
      if y is None:
        y = jnp.einsum(
            formula,
            jnp.asarray(weights, x.dtype),
            x,
            precision=jax.lax.Precision.HIGHEST,
            preferred_element_type=jnp.float32,
        )
      x = y.astype(x.dtype)
  return x


def nearest_index(size: int, target: int) -> Int[np.ndarray, " target"]:
  """The source pixel of each target pixel on one axis; see `resize_nearest`."""
  ratio = np.float32(size) / np.float32(target)
  at = np.floor(np.arange(target, dtype=np.float32) * ratio)
  return np.minimum(at.astype(np.int32), size - 1)


def resize_nearest(
    x: Shaped[Array, "n h w *c"], size: tuple[int, int]
) -> Shaped[Array, "n h2 w2 *c"]:
  """Nearest neighbour, PyTorch's "nearest": source = floor(t * (h / h2)).

  The ratio is rounded to float32 as it is there, which decides a few pixels.
  """
  for axis, target in zip((1, 2), size):
    pixels = x.shape[axis]
    index = nearest_index(pixels, target)
    factor = max(target // pixels, 1)
    if np.array_equal(index, np.arange(pixels * factor) // factor):
      x = jnp.repeat(x, factor, axis)
    else:
      x = jnp.take(x, index, axis=axis)
  return x


def resize_region(
    x: Float[Array, "n h w c"],
    size: Int[Array, "n 2"],
    target: Int[Array, "n 2"],
    shape: tuple[int, int],
    *,
    align_corners: bool = False,
) -> Float[Array, "n h2 w2 c"]:
  """Bilinear interpolation of the top left part of each map.

  The sizes may differ from map to map and be known only when it runs, so that
  one program serves images of all sizes.

  Args:
    x: maps of any float type; the sums are float32.
    size: (height, width) of the part of each map that is meant.
    target: (height, width) that it is brought to.
    shape: (h2, w2) of the result; what lies past `target` repeats its edge.
    align_corners: see `resize_bilinear`.
  """
  for axis, formula in ((0, "nts,nswc->ntwc"), (1, "nts,nhsc->nhtc")):
    source, wanted = (
        s[:, axis, None].astype(jnp.float32) for s in (size, target)
    )
    t = jnp.arange(shape[axis], dtype=jnp.float32)
    if align_corners:
      at = t * (source - 1) / jnp.maximum(wanted - 1, 1)
    else:
      at = (t + 0.5) * source / wanted - 0.5
    at = jnp.clip(at, 0, source - 1)[..., None]
    pixels = jnp.arange(x.shape[1 + axis], dtype=jnp.float32)
    weights = jnp.maximum(1 - jnp.abs(at - pixels), 0).astype(x.dtype)
    x = jnp.einsum(
        formula,
        weights,
        x,
        precision=jax.lax.Precision.HIGHEST,
        preferred_element_type=jnp.float32,
    ).astype(x.dtype)
  return x
