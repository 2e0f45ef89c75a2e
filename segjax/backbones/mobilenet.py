"""MobileNets with separable convolutions and with inverted residuals.

V1: Howard et al. 2017 (arXiv:1704.04861); V2: Sandler et al. 2018
(arXiv:1801.04381).
"""

import functools

from flax import linen as nn
import jax
from jaxtyping import Array, Float

from segjax import layers
from segjax.backbones import strides

V1_STAGES = (
    # channels, separable convolutions, stride of the first
    (64, 1, 1),
    (128, 2, 2),
    (256, 2, 2),
    (512, 6, 2),
    (1024, 2, 2),
)
"""arXiv:1704.04861, Table 1, from one change of size to the next."""

STAGES = (
    # expansion, channels, blocks, stride, the feature map that it ends
    (1, 16, 1, 1, "c1"),
    (6, 24, 2, 2, "c2"),
    (6, 32, 3, 2, "c3"),
    (6, 64, 4, 2, None),
    (6, 96, 3, 1, "c4"),
    (6, 160, 3, 2, None),
    (6, 320, 1, 1, "c5"),
)
"""arXiv:1801.04381, Table 2: t, c, n, s of the bottlenecks."""


def divisible(channels: float, divisor: int = 8) -> int:
  """The nearest multiple of `divisor`, but at least 90% of `channels`.

  The rule of the authors' code for a width multiplier.
  """
  rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
  return rounded + divisor if rounded < 0.9 * channels else rounded


class MobileNetV1(nn.Module):
  """MobileNet as a feature pyramid (Howard et al. 2017, Table 1).

  `c1` to `c5` are the last separable convolutions of 64, 128, 256, 512 and
  1024 channels. The activation is ReLU6, as in the authors' code.

  Attributes:
    output_stride: 4, 8, 16 or 32, else ValueError. Below 32 the last strides
      become dilations; the weights stay the same.
    width: alpha, the width multiplier of all channels.
    norm: makes the normalisation layers.
  """

  output_stride: int = 32
  width: float = 1.0
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    act = jax.nn.relu6
    stem = layers.ConvNormAct(
        divisible(32 * self.width),
        stride=2,
        norm=self.norm,
        act=act,
        name="stem",
    )
    x, features = stem(image, train=train), {}
    plan = strides.atrous(
        [s[2] for s in V1_STAGES], self.output_stride, start=2
    )
    for i, (stage, step) in enumerate(zip(V1_STAGES, plan), start=1):
      channels, size, _ = stage
      stride, first, rest = step
      for j in range(1, size + 1):
        separable = layers.SeparableConvNormAct(
            divisible(channels * self.width),
            stride=stride if j == 1 else 1,
            dilation=first if j == 1 else rest,
            norm=self.norm,
            act=act,
            depthwise_act=act,
            name=f"conv{i}_{j}",
        )
        x = separable(x, train=train)
      features[f"c{i}"] = x
    return features


class InvertedResidual(nn.Module):
  """Expand, filter depthwise, project without activation.

  Sandler et al. 2018, Table 1 and Fig. 3b.

  Attributes:
    features: channels of the result.
    expansion: t, the factor by which the channels grow; 1 leaves `expand` out.
    stride: of the depthwise convolution.
    dilation: of the depthwise convolution.
    residual: whether the input is added, where its channels are the result's.
    norm: makes the normalisation layers.
  """

  features: int
  expansion: int = 6
  stride: int = 1
  dilation: int = 1
  residual: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    block = functools.partial(
        layers.ConvNormAct, norm=self.norm, act=jax.nn.relu6
    )
    width = x.shape[-1] * self.expansion
    y = x
    if self.expansion != 1:
      y = block(width, 1, name="expand")(y, train=train)
    depthwise = block(
        width, 3, self.stride, self.dilation, groups=width, name="depthwise"
    )
    y = depthwise(y, train=train)
    y = block(self.features, 1, act=None, name="project")(y, train=train)
    same = self.residual and x.shape[-1] == self.features
    return x + y if same else y


class MobileNetV2(nn.Module):
  """MobileNetV2 as a feature pyramid (Sandler et al. 2018, Table 2).

  `c1` to `c5` are the last bottlenecks of 16, 24, 32, 96 and 320 channels; the
  1x1 convolution to 1280 belongs to the classifier and is left out, as in
  DeepLabv3 on MobileNetV2 (Sec. 6.3).

  Attributes:
    output_stride: 4, 8, 16 or 32, else ValueError. Below 32 the last strides
      become dilations; the weights stay the same.
    width: the width multiplier of all channels.
    norm: makes the normalisation layers.
    divisor: of all channels; 1 in the authors' DeepLab where the width is not
      1.
  """

  output_stride: int = 32
  width: float = 1.0
  norm: layers.ModuleDef = layers.BatchNorm
  divisor: int = 8

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    stem = layers.ConvNormAct(
        divisible(32 * self.width, self.divisor),
        stride=2,
        norm=self.norm,
        act=jax.nn.relu6,
        name="stem",
    )
    x = stem(image, train=train)
    features, number = {}, 1
    plan = strides.atrous([s[3] for s in STAGES], self.output_stride, start=2)
    for stage, (stride, first, rest) in zip(STAGES, plan):
      expansion, channels, blocks, nominal_stride, name = stage
      for i in range(blocks):
        block = InvertedResidual(
            divisible(channels * self.width, self.divisor),
            expansion,
            stride if i == 0 else 1,
            first if i == 0 else rest,
            residual=i > 0 or nominal_stride == 1,
            norm=self.norm,
            name=f"block{number}",
        )
        x = block(x, train=train)
        number += 1
      if name:
        features[name] = x
    return features
