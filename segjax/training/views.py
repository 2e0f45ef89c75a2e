"""From images to class probabilities by a protocol, compiled whole."""

from collections.abc import Callable
import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num
import numpy as np

from segjax import ops, types
from segjax.postprocess import dense_crf
from segjax.training import protocol as protocols

_STATIC = ("model", "protocol", "preprocess")


def identity(image: Array) -> Array:
  """The preprocessing of a model that takes images as they are."""
  return image


@functools.partial(jax.jit, static_argnames=_STATIC)
def probabilities(
    model: nn.Module,
    variables: types.Variables,
    image: Num[Array, "n h w c"],
    size: Int[Array, "n 2"] | None = None,
    *,
    protocol: protocols.Protocol = protocols.WHOLE,
    preprocess: Callable[[Array], Array] = identity,
) -> Float[Array, "n h w k"]:
  """Class probabilities of images, averaged over the protocol's views.

  Logits of a whole view are brought to the image's size before the softmax.
  Memory grows with h w k; `classes` has a form for large images.

  Args:
    model: gives `logits`.
    variables: its `params` and `batch_stats`.
    image: colours of 0 to 255, or what `preprocess` takes.
    size: height and width of each image without what pads it; all of it if
      None. Only `long_side` asks for it: the other protocols take the padding
      as part of the image.
    protocol: how.
    preprocess: makes the images what the model expects.
  """
  net = functools.partial(_logits, model, variables, preprocess)
  views = []
  for scale in protocol.scales:
    view, back = _view(image, size, scale, protocol)
    if protocol.window:
      answer = back(_slide(net, view, protocol))
      logits = protocol.average == "logits"
      views.append(nn.softmax(answer) if logits else answer)
    else:
      for step in (1, -1) if protocol.flip else (1,):
        logits = net(view[:, :, ::step])[:, :, ::step]
        views.append(nn.softmax(back(logits)))
  mixed = sum(views) / len(views)
  if protocol.crf:
    settings = dense_crf.SETTINGS[protocol.crf]
    floor = jnp.finfo(jnp.float32).tiny
    logits = jnp.log(jnp.maximum(mixed, floor))
    mixed = dense_crf.dense_crf(logits, image, settings)
  return mixed


@functools.partial(jax.jit, static_argnames=_STATIC)
def classes(
    model: nn.Module,
    variables: types.Variables,
    image: Num[Array, "n h w c"],
    size: Int[Array, "n 2"] | None = None,
    *,
    protocol: protocols.Protocol = protocols.WHOLE,
    preprocess: Callable[[Array], Array] = identity,
) -> Int[Array, "n h w"]:
  """The most probable class of every pixel; arguments as of `probabilities`.

  Sliding windows of one scale are done strip by strip: beside the image and
  the classes, memory holds the answers for three strips, as high as a window
  and as wide as the image, (3 h' w k floats), and the network's activations for
  one window. So 4000 x 6000 pixels of 21 classes with windows of 512 take 0.8
  GB for the strips, where all their probabilities would take 2 GB.
  """
  if not protocol.streams:
    mixed = probabilities(
        model,
        variables,
        image,
        size,
        protocol=protocol,
        preprocess=preprocess,
    )
    return jnp.argmax(mixed, axis=-1)
  net = functools.partial(_logits, model, variables, preprocess)
  n, height, width, _ = image.shape
  image, rows, columns = _tiled(image, protocol)
  windows = functools.partial(_window, net, image, protocol)
  weights = ops.blend_weights(protocol.window, protocol.blend)[..., None]
  h, w = protocol.window
  k = jax.eval_shape(windows, 0, 0).shape[-1]

  def strip(carry, step):
    sums, found = carry
    row, shift = step
    # What the strip before has left, moved up; below it nothing is known yet.
    sums = jnp.roll(sums, -shift, axis=1)
    known = jnp.arange(h) < h - shift
    sums = jnp.where(known[:, None, None], sums, 0)

    def add(i, sums):
      column = jnp.asarray(columns)[i]
      at = (0, 0, column, 0)
      old = jax.lax.dynamic_slice(sums, at, (n, h, w, k))
      new = old + windows(row, column) * weights
      return jax.lax.dynamic_update_slice(sums, new, at)

    sums = jax.lax.fori_loop(0, len(columns), add, sums)
    best = jnp.argmax(sums, axis=-1).astype(found.dtype)
    return (sums, jax.lax.dynamic_update_slice(found, best, (0, row, 0))), None

  wide = int(columns[-1]) + w
  begin = (
      jnp.zeros((n, h, wide, k), jnp.float32),
      jnp.zeros((n, int(rows[-1]) + h, wide), jnp.int32),
  )
  shifts = np.diff(rows, prepend=rows[0] - h).astype(np.int32)
  (_, found), _ = jax.lax.scan(strip, begin, (rows, shifts))
  return found[:, :height, :width]


def _logits(model, variables, preprocess, view):
  outputs = model.apply(variables, preprocess(view), train=False)
  return outputs["logits"].astype(jnp.float32)


def _view(image, size, scale, protocol):
  """The image at a scale, and the function that brings its answers back."""
  n, h, w, _ = image.shape
  resize = functools.partial(
      ops.resize_bilinear, align_corners=protocol.align_corners
  )
  if protocol.long_side:
    view, back = _to_long_side(image, size, scale, protocol)
  else:
    inner = max(1, round(h * scale)), max(1, round(w * scale))
    view = image
    if inner != (h, w):
      view = resize(image.astype(jnp.float32), inner)
    back = lambda y: resize(y[:, : inner[0], : inner[1]], (h, w))
  least = np.maximum(protocol.pad_to or (1, 1), protocol.window or (1, 1))
  more = np.maximum(least - view.shape[1:3], 0)
  if more.any():
    full = (n, *np.add(view.shape[1:3], more), view.shape[-1])
    edge = jnp.broadcast_to(_fill(protocol, view), full)
    view = jax.lax.dynamic_update_slice(edge, view, (0, 0, 0, 0))
  return view, back


def _to_long_side(image, size, scale, protocol):
  """`_view` where the longer side is given: images of all sizes at once."""
  n, h, w, _ = image.shape
  if size is None:
    size = jnp.broadcast_to(jnp.array([h, w]), (n, 2))
  side = max(1, round(protocol.long_side * scale))
  longest = jnp.max(size, axis=1, keepdims=True)
  inner = jnp.maximum(jnp.round(size * (side / longest)), 1).astype(jnp.int32)
  region = functools.partial(
      ops.resize_region, align_corners=protocol.align_corners
  )
  view = region(image.astype(jnp.float32), size, inner, (side, side))
  inside = jnp.arange(side)[None, :, None] < inner[:, None]
  inside = inside[:, :, None, :1] & inside[:, None, :, 1:]
  view = jnp.where(inside, view, _fill(protocol, view))
  back = lambda y: region(y, inner, size, (h, w))
  return view, back


def _fill(protocol, view):
  return jnp.asarray(protocol.fill, view.dtype)


def _tiled(image, protocol):
  """The image with the context of its windows, and where these begin."""
  _, h, w, _ = image.shape
  least = np.maximum(protocol.window, (h, w)) - (h, w)
  if least.any():
    pads = ((0, 0), (0, least[0]), (0, least[1]), (0, 0))
    known = jnp.pad(jnp.ones((1, h, w, 1), bool), pads)
    image = jnp.where(known, jnp.pad(image, pads), _fill(protocol, image))
  rows, columns = (
      ops.window_starts(*args).astype(np.int32)
      for args in zip(image.shape[1:3], protocol.window, protocol.stride)
  )
  margin = (protocol.margin, protocol.margin)
  pads = ((0, 0), margin, margin, (0, 0))
  return jnp.pad(image, pads, mode="reflect"), rows, columns


def _window(net, image, protocol, row, column):
  """The answer for one window of a tiled image."""
  h, w = protocol.window
  m = protocol.margin
  tile = jax.lax.dynamic_slice(
      image,
      (0, row, column, 0),
      (image.shape[0], h + 2 * m, w + 2 * m, image.shape[-1]),
  )
  answers = []
  for step in (1, -1) if protocol.flip else (1,):
    logits = net(tile[:, :, ::step])[:, :, ::step]
    logits = logits[:, m : m + h, m : m + w]
    average = protocol.average == "probabilities"
    answers.append(nn.softmax(logits) if average else logits)
  return sum(answers) / len(answers)


def _slide(net, view, protocol):
  """The blended answers of all windows, (n, h, w, k)."""
  n, height, width, _ = view.shape
  image, rows, columns = _tiled(view, protocol)
  windows = functools.partial(_window, net, image, protocol)
  weights = ops.blend_weights(protocol.window, protocol.blend)[..., None]
  h, w = protocol.window
  k = jax.eval_shape(windows, 0, 0).shape[-1]

  def add(i, carry):
    row = jnp.asarray(rows)[i // len(columns)]
    column = jnp.asarray(columns)[i % len(columns)]
    new = windows(row, column) * weights, jnp.broadcast_to(
        weights, (1, h, w, 1)
    )
    at = (0, row, column, 0)
    return tuple(
        jax.lax.dynamic_update_slice(
            total, jax.lax.dynamic_slice(total, at, x.shape) + x, at
        )
        for total, x in zip(carry, new)
    )

  full = int(rows[-1]) + h, int(columns[-1]) + w
  begin = jnp.zeros((n, *full, k)), jnp.zeros((1, *full, 1))
  count = len(rows) * len(columns)
  total, weight = jax.lax.fori_loop(0, count, add, begin)
  return (total / weight)[:, :height, :width]
