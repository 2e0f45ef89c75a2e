"""Augmentation on the device: the draws of the host, carried out under jit.

The host decodes, draws and pads images to one size; the device moves pixels.
From the same draw, `on_host` gives the same labels, and images that differ by
the rounding of OpenCV's fixed-point arithmetic.
"""

from collections.abc import Callable
import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt8
import numpy as np

from segjax import types
from segjax.data import draws, labels, transforms

_PREFIX = "draw_"


@dataclasses.dataclass(frozen=True)
class Pack:
  """The host's part: pack(rng, example), as `transforms.Augment` is called.

  Attributes:
    augment: what to draw from. A crop is required; a map of border weights,
      which follows the objects' outlines, is the host's alone.
    canvas: height and width to which all images are padded.

  Raises:
    ValueError: at once, if `augment` cannot be done on the device; when
      called, if an image is larger than the canvas.
  """

  augment: transforms.Augment
  canvas: tuple[int, int]

  def __post_init__(self):
    _check(self.augment)

  def __call__(
      self, rng: np.random.Generator, example: dict[str, Any]
  ) -> dict[str, np.ndarray]:
    label = example["label"]
    size, canvas = label.shape, tuple(self.canvas)
    if size[0] > canvas[0] or size[1] > canvas[1]:
      raise ValueError(f"an image {size} is larger than the canvas {canvas}")
    image = np.zeros((*canvas, 3), np.uint8)
    image[: size[0], : size[1]] = example["image"]
    padded = np.full(canvas, labels.VOID, np.uint8)
    padded[: size[0], : size[1]] = label
    draw = self.augment.draw(rng, label)
    return {
        "image": image,
        "label": padded,
        "size": np.array(size, np.int32),
    } | {_PREFIX + name: value for name, value in draw._asdict().items()}


def unpack(
    augment: transforms.Augment,
) -> Callable[[types.Batch], dict[str, Array]]:
  """The device's part: a function of a batch of `Pack`, to be jitted.

  Raises:
    ValueError: `augment` cannot be done on the device.
  """
  _check(augment)

  def one(image, label, size, draw):
    return apply(augment, draw, image, label, size)

  def many(batch: types.Batch) -> dict[str, Array]:
    draw = draws.Draw(*(batch[_PREFIX + name] for name in draws.Draw._fields))
    image, label = jax.vmap(one)(
        batch["image"], batch["label"], batch["size"], draw
    )
    return {"image": image, "label": label}

  return many


def apply(
    augment: transforms.Augment,
    draw: draws.Draw,
    image: UInt8[Array, "h w 3"],
    label: UInt8[Array, "h w"],
    size: Int[Array, "2"],
) -> tuple[UInt8[Array, "a b 3"], UInt8[Array, "a b"]]:
  """One draw on one image, of which the first `size` pixels are the image."""
  crop = augment.crop
  canvas = augment.canvas(crop)
  x, label = _resample(augment, draw.window, image, label, size, canvas)
  if canvas != crop:
    x, label = _warp(x, label, draw, crop)
  x = jnp.where(draw.flip, x[:, ::-1], x)
  label = jnp.where(draw.flip, label[:, ::-1], label)
  if augment.jitter:
    mean = jnp.mean(x)
    matrix = draw.colour.at[:, 3].multiply(mean)
    x = _bytes(_dot("ijc,dc->ijd", x, matrix[:, :3]) + matrix[:, 3])
  if augment.blur:
    x = _blur(x, draw.blur, augment.blur_radius)
  if augment.cutout:
    hole = _inside(draw.hole, crop)
    x = jnp.where(hole[..., None], jnp.array(draws.MEAN_COLOUR), x)
    label = jnp.where(hole, jnp.uint8(labels.VOID), label)
  return x.astype(jnp.uint8), label


def _resample(augment, window, image, label, size, canvas):
  """`on_host.resample`, as one matrix for rows and one for columns."""
  mirror = augment.padding == "mirror"
  averages = draws.averages(window, canvas)
  # A window's side may be rounded up by half a pixel.
  lowest = augment.scale[0] * augment.resize
  taps = math.ceil(1 / lowest + 0.5 / min(canvas)) + 1
  y, x = (
      _weights(
          window[axis],
          window[axis + 2],
          canvas[axis],
          size[axis],
          image.shape[axis],
          averages,
          max(taps, 2),
          mirror,
      )
      for axis in range(2)
  )
  out = _dot("ih,hwc->iwc", y, image.astype(jnp.float32))
  out = _dot("iwc,jw->ijc", out, x)
  if not mirror:
    inside = jnp.sum(y, 1)[:, None, None] * jnp.sum(x, 1)[None, :, None]
    out = out + (1 - inside) * jnp.array(draws.MEAN_COLOUR, jnp.float32)
  rows, columns = (
      window[axis]
      + draws.nearest(jnp.arange(canvas[axis]), window[axis + 2], canvas[axis])
      for axis in range(2)
  )
  found = label.at[rows[:, None], columns[None]].get(mode="clip")
  valid = ((rows >= 0) & (rows < size[0]))[:, None]
  valid &= ((columns >= 0) & (columns < size[1]))[None]
  return _bytes(out), jnp.where(valid, found, jnp.uint8(labels.VOID))


def _weights(
    start: Int[Array, ""],
    window: Int[Array, ""],
    size: int,
    length: Int[Array, ""],
    padded: int,
    averages: Bool[Array, ""],
    taps: int,
    mirror: bool,
) -> Float[Array, "{size} {padded}"]:
  """How much of each source row is in each row of a resized window."""
  step = window / size
  i = jnp.arange(size)[:, None]
  low = i * step
  centre = jnp.clip((i + 0.5) * step - 0.5, 0, window - 1)
  base = jnp.floor(jnp.where(averages, low, centre)).astype(jnp.int32)
  row = base + jnp.arange(taps)  # (size, taps), in the window.
  area = jnp.minimum(low + step, row + 1) - jnp.maximum(low, row)
  linear = 1 - jnp.abs(centre - row)
  weight = jnp.maximum(jnp.where(averages, area / step, linear), 0)
  weight = jnp.where(row < window, weight, 0)
  row = row + start
  row = draws.reflect(row, length) if mirror else row
  row = jnp.where((row >= 0) & (row < length), row, -1)
  hit = row[..., None] == jnp.arange(padded)
  return jnp.sum(jnp.where(hit, weight[..., None], 0), axis=1)


def _warp(x, label, draw, size):
  """`on_host.warp`."""
  height, width = label.shape
  rows, columns = jnp.arange(size[0])[:, None], jnp.arange(size[1])[None]
  place = draws.places(
      rows, columns, size, (height, width), draw.turn, draw.bend
  )
  ring = ((1, 1), (1, 1))
  label = jnp.pad(label, ring, constant_values=labels.VOID)
  x = jnp.stack(
      [
          jnp.pad(x[..., c], ring, constant_values=float(value))
          for c, value in enumerate(draws.MEAN_COLOUR)
      ],
      axis=-1,
  )

  def at(array, y, x):
    y, x = jnp.clip(y, -1, height) + 1, jnp.clip(x, -1, width) + 1
    return array[y, x]

  half = 1 << (draws.BITS - 1)
  label = at(label, *((p + half) >> draws.BITS for p in place))
  shift, bits = draws.BITS - draws.FRACTION_BITS, draws.FRACTION_BITS
  where = [(p + (1 << (shift - 1))) >> shift for p in place]
  (y0, fy), (x0, fx) = (
      (p >> bits, (p & ((1 << bits) - 1)) / (1 << bits)) for p in where
  )
  out = 0.0
  for y1, wy in ((y0, 1 - fy), (y0 + 1, fy)):
    for x1, wx in ((x0, 1 - fx), (x0 + 1, fx)):
      out = out + (wy * wx)[..., None] * at(x, y1, x1)
  return _bytes(out), label


def _blur(x, sigma, radius):
  """`on_host.blur`; nothing for a sigma of 0."""
  offsets = jnp.arange(-radius, radius + 1)
  kernel = jnp.exp(-jnp.square(offsets / jnp.maximum(sigma, 1e-3)) / 2)
  kernel = kernel / jnp.sum(kernel)
  for axis in range(2):
    pad = [(0, 0)] * 3
    pad[axis] = (radius, radius)
    padded = jnp.pad(x, pad, mode="reflect")
    length = x.shape[axis]
    x = sum(
        kernel[k] * jax.lax.slice_in_dim(padded, k, k + length, axis=axis)
        for k in range(2 * radius + 1)
    )
  return _bytes(x)


def _inside(hole, size):
  rows, columns = jnp.arange(size[0])[:, None], jnp.arange(size[1])[None]
  top, left, bottom, right = hole
  return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


def _dot(equation: str, *arrays: Array) -> Array:
  # The default precision of GPUs and TPUs does not tell 256 greys apart.
  return jnp.einsum(equation, *arrays, precision=jax.lax.Precision.HIGHEST)


def _bytes(x: Float[Array, "..."]) -> Float[Array, "..."]:
  return jnp.clip(jnp.rint(x), 0, 255)


def _check(augment: transforms.Augment) -> None:
  if augment.crop is None:
    raise ValueError("augmentation on the device needs a crop")
  if augment.border_weights:
    raise ValueError(
        "augmentation on the device has no border_weights: they follow the"
        " objects' outlines, which OpenCV finds on the host"
    )
