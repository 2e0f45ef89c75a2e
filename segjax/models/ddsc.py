"""Dense decoder shortcut connections, Bilinski and Prisacariu, CVPR 2018.

"Dense Decoder Shortcut Connections for Single-Pass Semantic Segmentation". No
code was published. The connections and the three tasks of a decoder block are
those of the abstract; the layers of each part, and how many blocks and channels
they have, follow public re-implementations and could not be checked against the
paper.
"""

from collections.abc import Sequence
import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import resnet


def _blocks(x, count, groups, norm, *, train):
  """ResNeXt's blocks (arXiv:1611.05431, Fig. 3c), half as wide inside."""
  features = x.shape[-1]
  for i in range(1, count + 1):
    block = resnet.Bottleneck(
        features // 2, features, groups=groups, norm=norm, name=f"block{i}"
    )
    x = block(x, train=train)
  return x


class EncoderAdaptation(nn.Module):
  """Makes a stage of the encoder fit for its level of the decoder.

  A convolution to the level's channels, ResNeXt blocks, a convolution.

  Attributes:
    features: channels of the result.
    blocks: ResNeXt blocks.
    groups: their cardinality.
    norm: makes the normalisation layers.
  """

  features: int
  blocks: int = 3
  groups: int = 32
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    conv = functools.partial(layers.ConvNormAct, self.features, norm=self.norm)
    x = conv(name="conv1")(x, train=train)
    x = _blocks(x, self.blocks, self.groups, self.norm, train=train)
    return conv(name="conv2")(x, train=train)


class Fusion(nn.Module):
  """The sum of maps of several resolutions, each through a 3x3 convolution.

  All are resized to the size of the first, bilinearly.

  Attributes:
    features: channels of the result.
    norm: makes the normalisation layers.
  """

  features: int
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, maps: Sequence[Float[Array, "n _ _ _"]], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    total, size = 0, maps[0].shape[1:3]
    for i, x in enumerate(maps):
      conv = layers.ConvNormAct(
          self.features, norm=self.norm, act=None, name=f"conv{i}"
      )
      total = total + ops.resize_bilinear(conv(x, train=train), size)
    return nn.relu(total)


class ContextAggregation(nn.Module):
  """A chain of convolutions and 5x5 pools, of which all links are joined.

  Link i sees i convolutions and i pools, so that its window grows by six
  pixels from one to the next.

  Attributes:
    pools: links of the chain; each gives 1/pools of the channels.
    norm: makes the normalisation layers.
  """

  pools: int = 4
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w c"]:
    features = x.shape[-1]
    conv = functools.partial(layers.ConvNormAct, norm=self.norm)
    links = []
    for i in range(1, self.pools + 1):
      x = conv(features, name=f"chain{i}")(x, train=train)
      x = ops.max_pool(x, 5, 1, padding=2)
      link = conv(features // self.pools, name=f"link{i}")
      links.append(link(x, train=train))
    join = conv(features, name="join")
    return join(jnp.concatenate(links, axis=-1), train=train)


class DecoderBlock(nn.Module):
  """Fuses resolutions, captures context, generates semantic features.

  Attributes:
    features: channels of the result.
    blocks: ResNeXt blocks that generate the features.
    pools: see `ContextAggregation`.
    groups: the blocks' cardinality.
    norm: makes the normalisation layers.
  """

  features: int
  blocks: int = 4
  pools: int = 4
  groups: int = 32
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, maps: Sequence[Float[Array, "n _ _ _"]], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    """`maps`: the level's own, then those of the levels above."""
    x = maps[0]
    if len(maps) > 1:
      x = Fusion(self.features, self.norm, name="fusion")(maps, train=train)
    context = ContextAggregation(self.pools, self.norm, name="context")
    x = context(x, train=train)
    x = _blocks(x, self.blocks, self.groups, self.norm, train=train)
    conv = layers.ConvNormAct(self.features, norm=self.norm, name="conv")
    return conv(x, train=train)


class DDSC(nn.Module):
  """A cascaded decoder in which each block sees all blocks above it.

  Chosen here: the classifier (1x1, at a quarter of the image) and the
  upsampling (bilinear, corners not aligned).

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c2` to `c5`: a ResNeXt-50 or ResNeXt-101, 32x4d.
    features: channels of the levels of `c5`, `c4`, `c3` and `c2`.
    adapt_blocks: ResNeXt blocks of each adaptation.
    blocks: those of each decoder block.
    pools: see `ContextAggregation`.
    groups: cardinality of all these blocks.
    dense: False for a plain cascade, where a block sees only the one above it.
    norm: makes the normalisation layers of the decoder.
  """

  num_classes: int
  backbone: nn.Module
  features: tuple[int, int, int, int] = (1024, 512, 256, 128)
  adapt_blocks: int = 3
  blocks: int = 4
  pools: int = 4
  groups: int = 32
  dense: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    """Returns `logits`.

    Raises:
      ValueError: a level has channels that groups or pools do not divide.
    """
    for features in self.features:
      if features // 2 % self.groups or features % self.pools:
        raise ValueError(
            f"DDSC.features has {features}; a multiple of {2 * self.groups}"
            f" and {self.pools} is possible"
        )
    stages = self.backbone(image, train=train)
    above = []
    for level, features in zip((5, 4, 3, 2), self.features):
      adapt = EncoderAdaptation(
          features,
          self.adapt_blocks,
          self.groups,
          self.norm,
          name=f"adapt{level}",
      )
      block = DecoderBlock(
          features,
          self.blocks,
          self.pools,
          self.groups,
          self.norm,
          name=f"decode{level}",
      )
      x = adapt(stages[f"c{level}"], train=train)
      shortcuts = above if self.dense else above[-1:]
      above.append(block([x, *shortcuts[::-1]], train=train))
    logits = layers.Conv(self.num_classes, 1, name="classifier")(above[-1])
    return {"logits": ops.resize_bilinear(logits, image.shape[1:3])}
