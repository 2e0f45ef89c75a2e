"""Xception39, which Yu et al. 2018 made for BiSeNet (arXiv:1808.00897)."""

import functools

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers


class SeparableConv(nn.Module):
  """A depthwise 3x3 convolution, then a 1x1 one with norm and activation.

  Attributes:
    features: channels of the result.
    stride: of the depthwise convolution.
    norm: makes the normalisation layer.
    act: activation, or None for none.
  """

  features: int
  stride: int = 1
  norm: layers.ModuleDef = layers.BatchNorm
  act: layers.Act = nn.relu

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    width = x.shape[-1]
    depthwise = layers.Conv(
        width, 3, self.stride, groups=width, use_bias=False, name="depthwise"
    )
    pointwise = layers.ConvNormAct(
        self.features, 1, norm=self.norm, act=self.act, name="pointwise"
    )
    return pointwise(depthwise(x), train=train)


class Block(nn.Module):
  """Three separable convolutions with a shortcut; the last is four times wide.

  Attributes:
    width: channels of the first two.
    stride: of the first and of the shortcut, which is a separable convolution
      wherever there is a stride.
    norm: makes the normalisation layers.
  """

  width: int
  stride: int = 1
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {4*self.width}"]:
    conv = functools.partial(SeparableConv, norm=self.norm)
    y = conv(self.width, self.stride, name="conv1")(x, train=train)
    y = conv(self.width, name="conv2")(y, train=train)
    y = conv(4 * self.width, act=None, name="conv3")(y, train=train)
    if self.stride > 1:
      shortcut = conv(4 * self.width, self.stride, act=None, name="shortcut")
      x = shortcut(x, train=train)
    return nn.relu(x + y)


class Xception39(nn.Module):
  """Xception39 as a feature pyramid; it ends at 256 channels.

  Its layout is that of the first author's TorchSeg, furnace/base_model. `c1` is
  the stem, `c2` its max pool, `c3` to `c5` are the three stages.

  Attributes:
    stage_sizes: blocks in each stage.
    width: channels of the stem; 2, 4 and 8 times as many are the `width` of the
      blocks of each stage.
    norm: makes the normalisation layers.
  """

  stage_sizes: tuple[int, int, int] = (4, 8, 4)
  width: int = 8
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    stem = layers.ConvNormAct(
        self.width, stride=2, norm=self.norm, name="conv1"
    )
    features = {"c1": stem(image, train=train)}
    x = features["c2"] = layers.max_pool(features["c1"], 3, 2, padding=1)
    for i, size in enumerate(self.stage_sizes, start=1):
      for j in range(size):
        block = Block(
            self.width * 2**i,
            2 if j == 0 else 1,
            self.norm,
            name=f"layer{i}_block{j}",
        )
        x = block(x, train=train)
      features[f"c{i + 2}"] = x
    return features
