"""Transposed convolution."""

import jax
from jax import lax
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax.ops import space
from segjax.ops.conv import blocks, dense, DIMENSIONS, Pair, pair


def conv_transpose(
    x: Float[Array, "n h w i"],
    kernel: Float[Array, "kh kw i_per_group o"],
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
) -> Float[Array, "n h2 w2 o"]:
  """The transpose of `conv`: y[stride * i + k - padding] += x[i] kernel[k].

  "Deconvolution" in FCN (arXiv:1411.4038, Sec. 3.3) and "up-convolution" in
  U-Net. The height is PyTorch's: (h - 1) * stride - 2 * padding + kh +
  output_padding.
  """
  stride, padding, extra = pair(stride), pair(padding), pair(output_padding)
  if space.parts(x) > 1 or (groups > 1 and jax.device_count() > 1):
    return subpixel(x, kernel, stride, padding, extra, groups)
  window = kernel.shape[:2]
  pads = [(k - 1 - p, k - 1 - p + e) for k, p, e in zip(window, padding, extra)]
  return lax.conv_general_dilated(
      x,
      jnp.flip(kernel, (0, 1)),
      window_strides=(1, 1),
      padding=pads,
      lhs_dilation=stride,
      dimension_numbers=DIMENSIONS,
      feature_group_count=groups,
  )


def subpixel(x, kernel, stride, padding, extra, groups):
  """The same as an ordinary convolution that makes all of a cell's pixels.

  "Sub-pixel convolution" (Shi et al. 2016, arXiv:1609.05158, Sec. 3.2): the
  pixels of a stride x stride cell are channels at first. For the gradient of
  the other form's kernel XLA gathers all rows, and of a grouped one the batch
  too; for this one's it does not.
  """
  n, height, width, inputs = x.shape
  features = kernel.shape[-1] // groups
  # Of each axis: how many pixels of x make one of y, and the result's size.
  reach = [-(-k // s) for k, s in zip(kernel.shape, stride)]
  sizes = [
      (size - 1) * s + k - 2 * p + e
      for size, s, k, p, e in zip(
          (height, width), stride, kernel.shape, padding, extra
      )
  ]
  short = [m * s - k for m, s, k in zip(reach, stride, kernel.shape)]
  kernel = jnp.pad(kernel, ((0, short[0]), (0, short[1]), (0, 0), (0, 0)))
  kernel = kernel.reshape(
      reach[0], stride[0], reach[1], stride[1], -1, groups, features
  )
  kernel = jnp.flip(kernel, (0, 2)).transpose(0, 2, 4, 5, 1, 3, 6)
  kernel = kernel.reshape(*reach, inputs // groups, -1)
  # Each device has the same number of cells.
  cells = height + reach[0] - 1
  empty = space.round_up(cells, space.parts(x)) - cells
  x = jnp.pad(x, ((0, 0), (0, empty), (0, 0), (0, 0)))
  geometry = (1, 1), [m - 1 for m in reach], (1, 1)
  if groups == 1:
    y = dense(x, kernel, *geometry)
  else:
    y = blocks(x, kernel, *geometry, groups)
  rows, columns = y.shape[1:3]
  y = y.reshape(n, rows, columns, groups, *stride, features)
  y = y.transpose(0, 1, 4, 2, 5, 3, 6)
  y = y.reshape(n, rows * stride[0], columns * stride[1], groups * features)
  # `lax.pad` crops what `padding` takes away and adds what is missing.
  ends = [
      (-p, p + size - there, 0)
      for p, size, there in zip(padding, sizes, y.shape[1:3])
  ]
  return lax.pad(y, jnp.zeros((), y.dtype), [(0, 0, 0), *ends, (0, 0, 0)])
