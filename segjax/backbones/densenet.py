"""DenseNet, Huang et al. 2017 (arXiv:1608.06993)."""

from flax import linen as nn
from jax import lax
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import strides

SIZES = {
    # depth -> k, channels of the stem, layers in dense blocks 1 to 4
    121: (32, 64, (6, 12, 24, 16)),
    161: (48, 96, (6, 12, 36, 24)),
    169: (32, 64, (6, 12, 32, 32)),
    201: (32, 64, (6, 12, 48, 32)),
}
"""Table 1; 161, with k = 48, is the authors' code's."""


class DenseLayer(nn.Module):
  """Adds k channels to those that it sees (Eq. 2): DenseNet-B (Sec. 3).

  Attributes:
    growth: k, the channels added; the 1x1 convolution in front has 4k.
    dilation: of the 3x3 convolution.
    norm: makes the normalisation layers.
  """

  growth: int
  dilation: int = 1
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w c2"]:
    y = nn.relu(self.norm(name="norm1")(x, train=train))
    y = layers.Conv(4 * self.growth, 1, use_bias=False, name="conv1")(y)
    y = nn.relu(self.norm(name="norm2")(y, train=train))
    conv2 = layers.Conv(
        self.growth, dilation=self.dilation, use_bias=False, name="conv2"
    )
    return jnp.concatenate([x, conv2(y)], axis=-1)


class DenseBlock(nn.Module):
  """Layers of which each sees all before it (Fig. 1).

  Attributes:
    size: how many there are; the others are those of `DenseLayer`.
  """

  size: int
  growth: int
  dilation: int = 1
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w c2"]:
    for i in range(1, self.size + 1):
      layer = DenseLayer(
          self.growth, self.dilation, self.norm, name=f"layer{i}"
      )
      x = layer(x, train=train)
    return x


class Transition(nn.Module):
  """Halves the channels and, by a 2x2 average pool, the size (Sec. 3).

  Attributes:
    stride: 2, or 1 where it became a dilation.
    dilation: pixels between the averaged ones, at stride 1.
    pool: whether anything is averaged.
    norm: makes the normalisation layer.
  """

  stride: int = 2
  dilation: int = 1
  pool: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 c2"]:
    x = nn.relu(self.norm(name="norm")(x, train=train))
    x = layers.Conv(x.shape[-1] // 2, 1, use_bias=False, name="conv")(x)
    if not self.pool:
      return x
    return ops.avg_pool(x, 2) if self.stride == 2 else mean2(x, self.dilation)


def mean2(x: Float[Array, "n h w c"], dilation: int) -> Float[Array, "n h w c"]:
  """The mean of 2x2 pixels at stride 1, of those that are there at the edge."""
  for axis in (1, 2):
    size = x.shape[axis]
    inside = lax.slice_in_dim(x, min(dilation, size), size, axis=axis)
    edge = lax.slice_in_dim(x, max(size - dilation, 0), size, axis=axis)
    x = (x + jnp.concatenate([inside, edge], axis)) / 2
  return x


class DenseNet(nn.Module):
  """DenseNet-BC as a feature pyramid (Table 1).

  The defaults are DenseNet-121. `c1` is the stem, `c2` to `c4` are the first
  three dense blocks, `c5` is the fourth and its normalisation.

  Attributes:
    stage_sizes: layers in the dense blocks; see `SIZES`.
    growth: k, the channels that a layer adds.
    width: channels of the stem.
    output_stride: 4, 8, 16 or 32, else ValueError. Below 32 the strides of the
      last transitions become dilations; the weights stay the same.
    pool_dilated: whether a transition that lost its stride goes on averaging,
      at stride 1, which makes the dense features agree with the strided ones
      where the image is a multiple of 32. False: it does not (DenseASPP).
    norm_last: whether the fourth dense block is normalised.
    norm: makes the normalisation layers.
  """

  stage_sizes: tuple[int, ...] = SIZES[121][2]
  growth: int = 32
  width: int = 64
  output_stride: int = 32
  pool_dilated: bool = True
  norm_last: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    stem = layers.ConvNormAct(self.width, 7, 2, norm=self.norm, name="conv0")
    features = {"c1": stem(image, train=train)}
    x = layers.max_pool(features["c1"], 3, 2, padding=1)
    plan = strides.atrous((1, 2, 2, 2), self.output_stride, start=4)
    for i, (size, step) in enumerate(zip(self.stage_sizes, plan), start=1):
      stride, before, dilation = step
      if i > 1:
        pool = stride == 2 or self.pool_dilated
        transition = Transition(
            stride, before, pool, self.norm, name=f"transition{i - 1}"
        )
        x = transition(x, train=train)
      block = DenseBlock(
          size, self.growth, dilation, self.norm, name=f"block{i}"
      )
      x = features[f"c{i + 1}"] = block(x, train=train)
    if self.norm_last:
      features["c5"] = self.norm(name="norm5")(x, train=train)
    return features
