"""Convolution with PyTorch's geometry, in the form that its device runs best.

Every function here has one meaning and may have several implementations; which
one runs is decided from static shapes and the backend. So far the choice differs
on CPUs alone.
"""

from collections.abc import Sequence

import jax
from jax import lax
import jax.numpy as jnp
from jaxtyping import Array, Float

Pair = int | Sequence[int]

_FEW_PRODUCTS = 0.6
"""Share of a kernel's products below which `taps` is faster than `dense`."""

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def pair(value: Pair) -> tuple[int, int]:
  """`value` for (height, width): an int stands for both."""
  height, width = (value, value) if isinstance(value, int) else value
  return int(height), int(width)


def output_size(
    size: int, window: int, stride: int, padding: int, dilation: int = 1
) -> int:
  """Positions of a window on an axis (Dumoulin and Visin, arXiv:1603.07285).

  Raises:
    ValueError: the window does not fit once.
  """
  extent = dilation * (window - 1) + 1
  if size + 2 * padding < extent:
    raise ValueError(
        f"a window of {extent} pixels does not fit an axis of {size} padded by"
        f" {padding} on each side"
    )
  return (size + 2 * padding - extent) // stride + 1


def conv(
    x: Float[Array, "n h w c"],
    kernel: Float[Array, "kh kw i o"],
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Float[Array, "n h2 w2 o"]:
  """y[i] = sum_k x[stride * i + dilation * k - padding] kernel[k].

  The atrous convolution of DeepLab (arXiv:1706.05587, Eq. 1). `padding` zeros
  stand on both sides of an axis, as in PyTorch. `atrous_zeros` and
  `atrous_sampled` are its two explanations; this is the fast form.

  Raises:
    ValueError: the channels do not fit the kernel, or the kernel the image.
  """
  stride, padding, dilation = pair(stride), pair(padding), pair(dilation)
  kh, kw, inputs, features = kernel.shape
  if x.shape[-1] != inputs * groups or features % groups:
    raise ValueError(
        f"{x.shape[-1]} channels in {groups} groups do not fit a kernel"
        f" (height, width, in, out) of {kernel.shape}"
    )
  for axis in (0, 1):
    output_size(
        x.shape[1 + axis],
        (kh, kw)[axis],
        stride[axis],
        padding[axis],
        dilation[axis],
    )
  if jax.default_backend() == "cpu":
    if inputs == 1 and groups == features == x.shape[-1]:
      return taps(x, kernel, stride, padding, dilation)
    sizes = x.shape[1:3], (kh, kw)
    if groups == 1 and _mostly_padding(*sizes, stride, padding, dilation):
      return taps(x, kernel, stride, padding, dilation)
  depthwise = inputs == 1 and features == groups
  native = jax.default_backend() != "cpu" and jax.device_count() == 1
  if groups > 1 and not depthwise and not native:
    return blocks(x, kernel, stride, padding, dilation, groups)
  return dense(x, kernel, stride, padding, dilation, groups)


def dense(x, kernel, stride, padding, dilation, groups=1):
  """The convolution as XLA has it.

  Outer rows and columns of the kernel that only ever meet padding are cut off
  first, with the padding that they needed: where the rate reaches the size of
  the map, a 3x3 kernel is its centre alone (DeepLabv3, Sec. 3.3).
  """
  cuts, pads = [], []
  for axis in (0, 1):
    size, window = x.shape[1 + axis], kernel.shape[axis]
    s, p, d = stride[axis], padding[axis], dilation[axis]
    out = output_size(size, window, s, p, d)
    hits = [i for i in range(window) if _touch(size, out, i, s, p, d)]
    first, last = (hits[0], hits[-1]) if hits else (0, window - 1)
    cuts.append(slice(first, last + 1))
    pads.append((p - first * d, p - (window - 1 - last) * d))
  return lax.conv_general_dilated(
      x,
      kernel[tuple(cuts)],
      window_strides=stride,
      padding=pads,
      rhs_dilation=dilation,
      dimension_numbers=DIMENSIONS,
      feature_group_count=groups,
  )


def blocks(x, kernel, stride, padding, dilation, groups, width=64):
  """A grouped convolution as a few ordinary ones of `width` channels or more.

  Neighbouring groups share a kernel that is zero from one to the other. Where
  a batch is spread over devices each keeps its part; XLA gathers the whole of
  it for a grouped convolution (openxla/xla#47945), whose gradient a CPU also
  needs 100 times as long for (ResNeXt's shapes, measured).
  """
  kh, kw, inputs, features = kernel.shape
  size = next(
      m for m in range(1, groups + 1)
      if groups % m == 0 and (m * inputs >= width or m == groups)
  )  # fmt: skip
  count = groups // size
  kernel = kernel.reshape(kh, kw, inputs, count, size, features // groups)
  eye = jnp.eye(size, dtype=kernel.dtype)
  kernel = jnp.einsum("hwibgo,gk->bhwkigo", kernel, eye)
  kernel = kernel.reshape(count, kh, kw, size * inputs, features // count)
  parts = [
      dense(part, kernel[i], stride, padding, dilation)
      for i, part in enumerate(jnp.split(x, count, axis=-1))
  ]
  return jnp.concatenate(parts, axis=-1)


def taps(x, kernel, stride, padding, dilation):
  """The same as a sum over the taps of the kernel that touch the image.

  A tap is a shifted, cropped view of the image times one (in, out) matrix, or
  one vector in the depthwise case. Taps that only ever meet padding cost
  nothing: of a 3x3 kernel at rate 24 on a 24x24 map, one of nine remains.
  """
  kh, kw, inputs, features = kernel.shape
  depthwise = inputs == 1 and features == x.shape[-1]
  sizes = [
      output_size(x.shape[1 + a], (kh, kw)[a], stride[a], padding[a],
                  dilation[a])
      for a in (0, 1)
  ]  # fmt: skip
  y = None
  for i in range(kh):
    rows = _touch(x.shape[1], sizes[0], i, stride[0], padding[0], dilation[0])
    for j in range(kw):
      cols = _touch(x.shape[2], sizes[1], j, stride[1], padding[1], dilation[1])
      if rows is None or cols is None:
        continue
      view = x[:, rows[0] : rows[1] : stride[0], cols[0] : cols[1] : stride[1]]
      if depthwise:
        tap = view * kernel[i, j, 0]
      else:
        tap = jnp.einsum("nhwc,cd->nhwd", view, kernel[i, j])
      before = (rows[2], sizes[0] - rows[2] - tap.shape[1])
      beside = (cols[2], sizes[1] - cols[2] - tap.shape[2])
      tap = jnp.pad(tap, ((0, 0), before, beside, (0, 0)))
      y = tap if y is None else y + tap
  if y is None:
    y = jnp.zeros((x.shape[0], *sizes, features), x.dtype)
  return y


def atrous_zeros(
    x: Float[Array, "n h w c"],
    kernel: Float[Array, "kh kw i o"],
    *,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Float[Array, "n h2 w2 o"]:
  """An ordinary convolution whose kernel has zeros between its values.

  "Upsampled filters": rate - 1 zeros between consecutive values of each axis
  (DeepLabv2, arXiv:1606.00915, Sec. 3.1, and Fig. 1 of DeepLabv3,
  arXiv:1706.05587). Most of its products are with these zeros.

  Args:
    x: feature maps.
    kernel: without the zeros.
    padding: zeros on both sides of an axis of `x`.
    dilation: the rate.
    groups: of channels.
  """
  dilation = pair(dilation)
  height, width = (d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape))
  holes = jnp.zeros((height, width, *kernel.shape[2:]), kernel.dtype)
  holes = holes.at[:: dilation[0], :: dilation[1]].set(kernel)
  return dense(x, holes, (1, 1), pair(padding), (1, 1), groups)


def atrous_sampled(
    x: Float[Array, "n h w c"],
    kernel: Float[Array, "kh kw i o"],
    *,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Float[Array, "n h2 w2 o"]:
  """An ordinary convolution of the input sampled at every rate-th position.

  The `a trous` algorithm of DeepLabv2 (arXiv:1606.00915, Sec. 3.1): an input
  of rate r becomes r * r smaller ones, which are convolved densely, and their
  results are put back between each other.

  Args:
    x: feature maps.
    kernel: of the convolution.
    padding: zeros on both sides of an axis of `x`.
    dilation: the rate.
    groups: of channels.
  """
  (top, left), (rows, cols) = pair(padding), pair(dilation)
  n, h, w, c = x.shape
  height = output_size(h, kernel.shape[0], 1, top, rows)
  width = output_size(w, kernel.shape[1], 1, left, cols)
  # Zeros behind the last row make the samples equally large.
  bottom = top + -(h + 2 * top) % rows
  right = left + -(w + 2 * left) % cols
  x = jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
  h, w = x.shape[1] // rows, x.shape[2] // cols
  x = x.reshape(n, h, rows, w, cols, c).transpose(2, 4, 0, 1, 3, 5)
  y = dense(x.reshape(-1, h, w, c), kernel, (1, 1), (0, 0), (1, 1), groups)
  h, w, features = y.shape[1:]
  y = y.reshape(rows, cols, n, h, w, features).transpose(2, 3, 0, 4, 1, 5)
  return y.reshape(n, h * rows, w * cols, features)[:, :height, :width]


def _touch(size, out, tap, stride, padding, dilation):
  """(first input, past the last, first output) that a tap joins, or None."""
  shift = tap * dilation - padding
  first = max(0, -(shift // stride))
  last = min(out - 1, (size - 1 - shift) // stride)
  if first > last:
    return None
  return first * stride + shift, last * stride + shift + 1, first


def _mostly_padding(size, window, stride, padding, dilation) -> bool:
  """Whether so few products are with the image that the taps are faster.

  The bound is where both take the same time on CPUs, forward and backward; see
  experiments/benchmark_atrous.py.
  """
  if stride != (1, 1) or max(dilation) == 1:
    return False
  touched = 1.0
  for axis in (0, 1):
    out = output_size(
        size[axis], window[axis], 1, padding[axis], dilation[axis]
    )
    hits = 0
    for tap in range(window[axis]):
      at = _touch(size[axis], out, tap, 1, padding[axis], dilation[axis])
      hits += at[1] - at[0] if at else 0
    touched *= hits / (window[axis] * out)
  return touched < _FEW_PRODUCTS
