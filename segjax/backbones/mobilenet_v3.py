"""MobileNetV3, Howard et al. 2019 (arXiv:1905.02244)."""

import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers
from segjax.backbones import mobilenet, strides

LARGE = (
    # kernel size, expanded channels, channels, SE, hard-swish, stride
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)
"""The bottlenecks of Table 1."""

SMALL = (
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)
"""The bottlenecks of Table 2."""

BatchNorm = functools.partial(layers.BatchNorm, momentum=0.99, epsilon=1e-3)
"""The paper's momentum (Sec. 6.1.1), the authors' epsilon."""


class SqueezeExcite(nn.Module):
  """Weights the channels by what the whole map holds (Sec. 5.3, Fig. 4).

  Hu et al. 2018 (arXiv:1709.01507), with a hard sigmoid and a quarter of the
  channels in between.
  """

  @nn.compact
  def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    channels = x.shape[-1]
    pooled = jnp.mean(x, axis=(1, 2), keepdims=True)
    squeezed = mobilenet.divisible(channels // 4)
    gate = nn.relu(layers.Conv(squeezed, 1, name="reduce")(pooled))
    gate = layers.Conv(channels, 1, name="expand")(gate)
    return x * nn.hard_sigmoid(gate)


class Bottleneck(nn.Module):
  """Expand, filter depthwise, weight, project (Fig. 4).

  Attributes:
    features: channels of the result.
    expanded: channels of the depthwise convolution; `expand` is left out where
      they are the input's.
    kernel_size: of the depthwise convolution, as are stride and dilation.
    stride: of the result's positions.
    dilation: the rate.
    residual: whether the input is added, where its channels are the result's.
    squeeze_excite: whether the channels are weighted.
    act: after the first two convolutions.
    norm: makes the normalisation layers.
  """

  features: int
  expanded: int
  kernel_size: int = 3
  stride: int = 1
  dilation: int = 1
  residual: bool = True
  squeeze_excite: bool = False
  act: layers.Act = nn.relu
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    block = functools.partial(layers.ConvNormAct, norm=self.norm, act=self.act)
    y = x
    if self.expanded != x.shape[-1]:
      y = block(self.expanded, 1, name="expand")(y, train=train)
    depthwise = block(
        self.expanded,
        self.kernel_size,
        self.stride,
        self.dilation,
        groups=self.expanded,
        name="depthwise",
    )
    y = depthwise(y, train=train)
    if self.squeeze_excite:
      y = SqueezeExcite(name="se")(y)
    y = block(self.features, 1, act=None, name="project")(y, train=train)
    same = self.residual and x.shape[-1] == self.features
    return x + y if same else y


class MobileNetV3(nn.Module):
  """MobileNetV3 as a feature pyramid (Tables 1 and 2).

  The defaults are MobileNetV3-Large. `c1` to `c4` are the last maps of strides
  2 to 16, `c5` is the 1x1 convolution behind the bottlenecks, which
  torchvision's segmentation networks read. Bottleneck i is `block<i>` as well.

  Squeeze-and-excite averages over the whole map, so that with it dense
  features (`output_stride` below 32) are near the strided ones, not equal.

  Attributes:
    blocks: the bottlenecks, `LARGE` or `SMALL` or others of that form.
    output_stride: 4, 8, 16 or 32, else ValueError. Below 32 the last strides
      become dilations (Sec. 6.4); the weights stay the same.
    contract_dilation: the bottleneck that lost its stride keeps the dilation
      before it. False: it has the new one (torchvision).
    width: the width multiplier of all channels.
    norm: makes the normalisation layers.
  """

  blocks: tuple[tuple[int, int, int, bool, bool, int], ...] = LARGE
  output_stride: int = 32
  contract_dilation: bool = True
  width: float = 1.0
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    conv = functools.partial(
        layers.ConvNormAct, norm=self.norm, act=nn.hard_swish
    )
    x = conv(self._channels(16), stride=2, name="stem")(image, train=train)
    features, level = {}, 1
    plan = strides.atrous(
        [b[-1] for b in self.blocks], self.output_stride, start=2
    )
    for i, (block, step) in enumerate(zip(self.blocks, plan), start=1):
      kernel_size, expanded, channels, squeeze_excite, swish, nominal = block
      stride, before, after = step
      if nominal > 1:
        features[f"c{level}"] = x
        level += 1
      bottleneck = Bottleneck(
          self._channels(channels),
          self._channels(expanded),
          kernel_size,
          stride,
          before if self.contract_dilation else after,
          nominal == 1,
          squeeze_excite,
          nn.hard_swish if swish else nn.relu,
          self.norm,
          name=f"block{i}",
      )
      x = features[f"block{i}"] = bottleneck(x, train=train)
    last = conv(6 * x.shape[-1], 1, name="last")
    features[f"c{level}"] = last(x, train=train)
    return features

  def _channels(self, channels):
    return mobilenet.divisible(channels * self.width)
