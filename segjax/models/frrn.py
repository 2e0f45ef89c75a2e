"""Full-resolution residual networks, Pohlen et al. 2017 (arXiv:1611.08323).

Two streams (Sec. 3): the residual stream keeps the image's resolution and is
only ever added to; the pooling stream is an encoder and a decoder. Layers
follow Table 1; what it leaves open is as the authors' Lasagne code has it.
"""

import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops

FRRN_A = {
    "encoder": ((3, 96), (4, 192), (2, 384), (2, 384)),
    "decoder": ((2, 192), (2, 192), (2, 96)),
}
FRRN_B = {
    "encoder": ((3, 96), (4, 192), (2, 384), (2, 384), (2, 384)),
    "decoder": ((2, 192), (2, 192), (2, 192), (2, 96)),
}
"""Table 1: the attributes of `FRRN` that make FRRN-A and FRRN-B."""

batch_norm = functools.partial(layers.BatchNorm, epsilon=1e-4)
"""Lasagne's."""


class ResidualUnit(nn.Module):
  """RU: two 3x3 convolutions beside the identity (Sec. 3).

  Nothing follows the sum. Where the number of channels changes, a 1x1
  convolution takes the identity's place.

  Attributes:
    features: channels of the result.
    norm: makes the normalisation layers.
  """

  features: int
  norm: layers.ModuleDef = batch_norm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    conv = functools.partial(layers.ConvNormAct, self.features, norm=self.norm)
    y = conv(name="conv1")(x, train=train)
    y = conv(act=None, name="conv2")(y, train=train)
    if x.shape[-1] != self.features:
      x = layers.Conv(self.features, 1, use_bias=False, name="project")(x)
    return x + y


class FullResolutionResidualUnit(nn.Module):
  """FRRU: sees both streams and feeds both (Sec. 3).

  Two 3x3 convolutions on the pooling stream and the pooled residual stream
  make the next pooling stream; a 1x1 convolution of it, each value repeated
  over its window, is added to the residual stream.

  Attributes:
    features: channels of the pooling stream.
    norm: makes the normalisation layers.
  """

  features: int
  norm: layers.ModuleDef = batch_norm

  @nn.compact
  def __call__(
      self,
      y: Float[Array, "n h w c"],
      z: Float[Array, "n h2 w2 lanes"],
      *,
      train: bool,
  ) -> tuple[
      Float[Array, "n h w {self.features}"], Float[Array, "n h2 w2 lanes"]
  ]:
    """Returns the pooling stream and the residual stream.

    Args:
      y: the pooling stream.
      z: the residual stream, an integer factor larger in both directions.
      train: see `BatchNorm`.
    """
    window = (z.shape[1] // y.shape[1], z.shape[2] // y.shape[2])
    conv = functools.partial(layers.ConvNormAct, self.features, norm=self.norm)
    y = jnp.concatenate([y, ops.max_pool(z, window)], axis=-1)
    y = conv(name="conv1")(y, train=train)
    y = conv(name="conv2")(y, train=train)
    residual = layers.Conv(z.shape[-1], 1, name="residual")(y)
    return y, z + ops.resize_nearest(residual, z.shape[1:3])


class FRRN(nn.Module):
  """FRRN-A, and FRRN-B as `FRRN(num_classes, **FRRN_B)` (Table 1).

  The image is continued at its bottom and right edge to a multiple of the
  deepest stride, 16 or 32, and the logits are cropped.

  Attributes:
    num_classes: channels of the logits.
    encoder: (units, channels) of the pooling stream at strides 2, 4, 8, ...
    decoder: the same on the way back, to stride 2.
    features: channels of the convolution and the residual units at full
      resolution.
    lanes: channels of the residual stream.
    norm: makes the normalisation layers.
  """

  num_classes: int
  encoder: tuple[tuple[int, int], ...] = FRRN_A["encoder"]
  decoder: tuple[tuple[int, int], ...] = FRRN_A["decoder"]
  features: int = 48
  lanes: int = 32
  norm: layers.ModuleDef = batch_norm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    """Returns `logits`.

    Raises:
      ValueError: the decoder has not one stage less than the encoder.
    """
    if len(self.decoder) != len(self.encoder) - 1:
      raise ValueError(
          f"FRRN.decoder has {len(self.decoder)} stages; the"
          f" {len(self.encoder)} of its encoder need {len(self.encoder) - 1}"
      )
    height, width = image.shape[1:3]
    stride = 2 ** len(self.encoder)
    edges = ((0, -height % stride), (0, -width % stride))
    x = ops.pad(image, edges, mode="edge")
    block = functools.partial(layers.ConvNormAct, norm=self.norm)
    y = block(self.features, 5, name="conv1")(x, train=train)
    y = self._residual_units(y, "pre", train)
    z = block(self.lanes, 1, act=None, name="split")(y, train=train)
    for i, (units, features) in enumerate(self.encoder, start=1):
      y = ops.max_pool(y, 2)
      y, z = self._units(y, z, units, features, f"encoder{i}", train)
    for i, (units, features) in enumerate(self.decoder, start=1):
      y = unpool(y)
      y, z = self._units(y, z, units, features, f"decoder{i}", train)
    y = jnp.concatenate([unpool(y), z], axis=-1)
    y = self._residual_units(y, "post", train)
    logits = layers.Conv(self.num_classes, 1, name="classifier")(y)
    return {"logits": logits[:, :height, :width]}

  def _residual_units(self, y, name, train):
    for i in range(1, 4):
      unit = ResidualUnit(self.features, self.norm, name=f"{name}{i}")
      y = unit(y, train=train)
    return y

  def _units(self, y, z, units, features, name, train):
    for i in range(1, units + 1):
      unit = FullResolutionResidualUnit(
          features, self.norm, name=f"{name}_unit{i}"
      )
      y, z = unit(y, z, train=train)
    return y, z


def unpool(y: Float[Array, "n h w c"]) -> Float[Array, "n 2*h 2*w c"]:
  """Doubles a map: pixel 2 i is pixel i, those between are interpolated.

  The bilinear upsampling of the authors' Theano; neither of the usual corner
  conventions. Past the last pixel it is repeated.
  """
  _, height, width, _ = y.shape
  size = (2 * height, 2 * width)
  return ops.resize_bilinear(y, size, align_corners=True, factor=2)
