"""Pooling with the geometry of Caffe and PyTorch."""

import functools

import jax
from jax import lax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
import numpy as np

from segjax.ops import space
from segjax.ops.conv import output_size, Pair, pair


def _geometry(shape, window, stride, padding, ceil_mode):
  """Window, stride and (before, after) padding an axis, as PyTorch counts.

  In ceil mode a last window may hang over the edge, but must begin inside the
  image or its padding on the near side.
  """
  window = pair(window)
  stride = window if stride is None else pair(stride)
  padding = pair(padding)
  pads = []
  for size, k, s, p in zip(shape[1:3], window, stride, padding):
    if 2 * p > k:
      raise ValueError(f"padding {p} is more than half of the window {k}")
    out = output_size(size, k, s, p) if size + 2 * p >= k else 0
    if ceil_mode:
      out = -(-(size + 2 * p - k) // s) + 1
      out -= (out - 1) * s >= size + p
    if out < 1:
      raise ValueError(f"a window of {k} does not fit {size} pixels")
    pads.append((p, max(p, (out - 1) * s + k - size - p)))
  return window, stride, tuple(pads)


def max_pool(
    x: Float[Array, "n h w c"],
    window: Pair,
    stride: Pair | None = None,
    *,
    padding: Pair = 0,
    ceil_mode: bool = False,
) -> Float[Array, "n h2 w2 c"]:
  """The largest value in each window; padding never wins.

  Args:
    x: feature maps.
    window: size of the window.
    stride: of the windows; the window's size where None.
    padding: on both sides of an axis.
    ceil_mode: whether a window may hang over the far edge (Caffe's rule) or
      the remainder is dropped (PyTorch's default).
  """
  window, stride, pads = _geometry(x.shape, window, stride, padding, ceil_mode)
  if window == stride and pads == ((0, 0), (0, 0)):
    # Elementwise maxima have a far faster gradient than select-and-scatter.
    return functools.reduce(jnp.maximum, _views(x, window, stride))
  return lax.reduce_window(
      x,
      -jnp.inf,
      lax.max,
      (1, *window, 1),
      (1, *stride, 1),
      ((0, 0), *pads, (0, 0)),
  )


def max_pool_dense(
    x: Float[Array, "n h w c"], window: Pair, dilation: Pair = 1
) -> Float[Array, "n h2 w2 c"]:
  """The largest of each window's values, for a window at every position.

  Stride 1 and no padding; neighbours within a window are `dilation` pixels
  apart. After it, dilated layers compute at every pixel what layers after the
  strided pooling compute at some (patch_cnn.py).

  Raises:
    ValueError: the window does not fit the image.
  """
  window, dilation = pair(window), pair(dilation)
  heights, widths = (
      output_size(size, k, 1, 0, d)
      for size, k, d in zip(x.shape[1:3], window, dilation)
  )
  views = (
      x[:, i * dilation[0] :, j * dilation[1] :][:, :heights, :widths]
      for i in range(window[0])
      for j in range(window[1])
  )
  return functools.reduce(jnp.maximum, views)


def avg_pool(
    x: Float[Array, "n h w c"],
    window: Pair,
    stride: Pair | None = None,
    *,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Float[Array, "n h2 w2 c"]:
  """The mean of each window, divided as PyTorch and Caffe divide.

  Args:
    x: feature maps.
    window: size of the window.
    stride: of the windows; the window's size where None.
    padding: zeros on both sides of an axis.
    ceil_mode: as in `max_pool`. What hangs over the edge is never counted.
    count_include_pad: whether the zeros of `padding` count in the divisor.
  """
  symmetric = pair(padding)
  window, stride, pads = _geometry(x.shape, window, stride, padding, ceil_mode)
  axes = ((1, *window, 1), (1, *stride, 1), ((0, 0), *pads, (0, 0)))
  total = lax.reduce_window(x.astype(jnp.float32), 0.0, lax.add, *axes)
  ones = np.ones((1, x.shape[1], x.shape[2], 1), np.float32)
  if count_include_pad:
    ones = np.pad(ones, ((0, 0), *((p, p) for p in symmetric), (0, 0)),
                  constant_values=1)  # fmt: skip
    rest = tuple((0, after - p) for p, (_, after) in zip(symmetric, pads))
    axes = (*axes[:2], ((0, 0), *rest, (0, 0)))
  count = lax.reduce_window(jnp.asarray(ones), 0.0, lax.add, *axes)
  return (total / count).astype(x.dtype)


def _edges(size: int, target: int) -> list[tuple[int, int]]:
  """(start, stop) of each bin: floor(i size / target) to the next's ceiling."""
  return [
      (i * size // target, -(-(i + 1) * size // target)) for i in range(target)
  ]


@functools.lru_cache(maxsize=512)
def _bins(size: int, target: int) -> Float[np.ndarray, "target size"]:
  """Row i averages the pixels of bin i."""
  weights = np.zeros((target, size), np.float32)
  for row, (start, stop) in zip(weights, _edges(size, target)):
    row[start:stop] = 1 / (stop - start)
  return weights


def adaptive_avg_pool(
    x: Float[Array, "n h w c"], size: Pair
) -> Float[Array, "n h2 w2 c"]:
  """Means over `size` bins that cover the map, PyTorch's overlapping ones."""
  height, width = pair(size)
  rows = jnp.asarray(_bins(x.shape[1], height))
  cols = jnp.asarray(_bins(x.shape[2], width), x.dtype)
  # Columns first: where rows lie on several devices, these add up no more than
  # the bins.
  exact = dict(
      precision=lax.Precision.HIGHEST, preferred_element_type=jnp.float32
  )
  y = jnp.einsum("qw,nhwc->nhqc", cols, x, **exact)
  y = jnp.einsum("ph,nhqc->npqc", rows, y, **exact)
  return space.whole(y.astype(x.dtype))


def adaptive_max_pool(
    x: Float[Array, "n h w c"], size: Pair
) -> Float[Array, "n h2 w2 c"]:
  """The largest values of the bins of `adaptive_avg_pool`."""
  height, width = pair(size)
  x = _largest(x, 2, width)
  if space.parts(x) == 1:
    return _largest(x, 1, height)
  # Each device has its own rows of every bin.
  inside = jnp.asarray(_bins(x.shape[1], height) > 0)[:, :, None, None]
  return space.whole(jnp.max(jnp.where(inside, x[:, None], -jnp.inf), axis=2))


def _largest(x, axis, target):
  bins = [
      jnp.max(lax.slice_in_dim(x, *edges, axis=axis), axis, keepdims=True)
      for edges in _edges(x.shape[axis], target)
  ]
  return jnp.concatenate(bins, axis)


def _views(x, window, stride):
  """The elements of every window by their place in it, row by row."""
  heights, widths = (
      (size - k) // s + 1 for size, k, s in zip(x.shape[1:3], window, stride)
  )
  for i in range(window[0]):
    for j in range(window[1]):
      yield x[
          :,
          i : i + (heights - 1) * stride[0] + 1 : stride[0],
          j : j + (widths - 1) * stride[1] + 1 : stride[1],
      ]


def max_pool_with_indices(
    x: Float[Array, "n h w c"],
    window: Pair,
    stride: Pair | None = None,
    *,
    padding: Pair = 0,
    ceil_mode: bool = False,
) -> tuple[Float[Array, "n h2 w2 c"], Int[Array, "n h2 w2 c"]]:
  """Max pooling that remembers where (SegNet, arXiv:1511.00561, Sec. 3).

  Returns:
    The maxima and the flat positions row * w + column of the first maximum of
    each window, in the unpadded map, as PyTorch numbers them.
  """
  height, width = x.shape[1:3]
  window, stride, pads = _geometry(x.shape, window, stride, padding, ceil_mode)
  edges = ((0, 0), *pads, (0, 0))
  values = jnp.pad(x, edges, constant_values=-jnp.inf)
  places = jnp.arange(height * width, dtype=jnp.int32)
  places = jnp.pad(places.reshape(1, height, width, 1), edges)
  values = jnp.stack(list(_views(values, window, stride)))
  places = jnp.stack(list(_views(places, window, stride)))
  first = jnp.argmax(values, axis=0)
  indices = jnp.take_along_axis(
      jnp.broadcast_to(places, values.shape), first[None], axis=0
  )[0]
  return jnp.max(values, axis=0), indices


def max_unpool(
    y: Float[Array, "n h2 w2 c"],
    indices: Int[Array, "n h2 w2 c"],
    size: tuple[int, int],
    window: Pair | None = None,
) -> Float[Array, "n h w c"]:
  """Each value back to the place that `max_pool_with_indices` remembers.

  DeconvNet (arXiv:1505.04366, Sec. 3.2.1) and SegNet; zero elsewhere. Where
  windows overlap, equal places hold equal values.

  Args:
    y: the values.
    indices: their places.
    size: height and width of the result.
    window: of a pooling without padding and without overlap. It may be left
      out; with it nothing is scattered, which every device does faster.
  """
  n, _, _, c = y.shape
  height, width = size
  if window is not None:
    for axis, factor in enumerate(pair(window), start=1):
      y, indices = (jnp.repeat(v, factor, axis) for v in (y, indices))
    y, indices = (v[:, :height, :width] for v in (y, indices))
    places = jnp.arange(height * width, dtype=indices.dtype)
    return jnp.where(indices == places.reshape(height, width, 1), y, 0)
  flat = jnp.zeros((n, height * width, c), y.dtype)
  flat = jax.vmap(
      jax.vmap(lambda f, i, v: f.at[i].set(v), in_axes=-1, out_axes=-1)
  )(flat, indices.reshape(n, -1, c), y.reshape(n, -1, c))
  return flat.reshape(n, height, width, c)
