"""Discriminative feature network, Yu et al. 2018 (arXiv:1804.09337)."""

from collections.abc import Sequence
import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops


class RefinementResidualBlock(nn.Module):
  """RRB: channels made equal, then a residual branch (Sec. 3.3, Fig. 2b).

  Attributes:
    features: channels of the result.
    act: behind the sum; the authors' code has none in the heads.
    norm: makes the normalisation layer.
  """

  features: int
  act: layers.Act = nn.relu
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    conv = functools.partial(layers.Conv, self.features, use_bias=False)
    x = conv(1, name="unify")(x)
    y = layers.ConvNormAct(self.features, norm=self.norm, name="conv1")
    x = x + conv(name="conv2")(y(x, train=train))
    return x if self.act is None else self.act(x)


class ChannelAttentionBlock(nn.Module):
  """CAB: the stage above weighs the channels of this one (Sec. 3.1, Fig. 2c).

  The weights, of 0 to 1, are computed from the means of both stages; the 1x1
  convolutions of the figure are dense layers here.
  """

  @nn.compact
  def __call__(
      self, low: Float[Array, "n h w c"], high: Float[Array, "n h w c"]
  ) -> Float[Array, "n h w c"]:
    dense = functools.partial(
        nn.Dense, low.shape[-1], kernel_init=nn.initializers.he_normal()
    )
    weights = jnp.mean(jnp.concatenate([low, high], axis=-1), axis=(1, 2))
    weights = dense(name="dense1")(weights)
    weights = dense(name="dense2")(nn.relu(weights))
    return low * nn.sigmoid(weights)[:, None, None] + high


class Head(nn.Module):
  """Scores of one stage, from an RRB of nine channels per class.

  Of the authors' code; the paper only names the supervision of every stage.

  Attributes:
    features: classes, or 1 for a border.
    norm: makes the normalisation layers.
  """

  features: int
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    refine = RefinementResidualBlock(
        9 * self.features, None, self.norm, name="refine"
    )
    classifier = layers.Conv(self.features, 1, name="classifier")
    return classifier(refine(x, train=train))


class SmoothNetwork(nn.Module):
  """From the mean of the image down to the finest stage (Sec. 3.1).

  Attributes:
    num_classes: channels of each stage's scores.
    features: channels of all blocks.
    align_corners: of the upsampling.
    norm: makes the normalisation layers.
  """

  num_classes: int
  features: int = 512
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, stages: Sequence[Float[Array, "n _ _ _"]], *, train: bool
  ) -> list[Float[Array, "n _ _ {self.num_classes}"]]:
    """Scores of each of the `stages`, which go from coarse to fine."""
    block = functools.partial(
        RefinementResidualBlock, self.features, norm=self.norm
    )
    context = layers.ConvNormAct(
        self.features, 1, norm=self.norm, name="global_context"
    )
    x = context(jnp.mean(stages[0], (1, 2), keepdims=True), train=train)
    scores = []
    for i, stage in enumerate(stages):
      x = ops.resize_bilinear(
          x, stage.shape[1:3], align_corners=self.align_corners
      )
      low = block(name=f"before{i}")(stage, train=train)
      x = ChannelAttentionBlock(name=f"attention{i}")(low, x)
      x = block(name=f"after{i}")(x, train=train)
      head = Head(self.num_classes, self.norm, name=f"head{i}")
      scores.append(head(x, train=train))
    return scores


class BorderNetwork(nn.Module):
  """From the finest stage up, at its resolution (Sec. 3.2).

  Attributes:
    features: channels of all blocks; 21 in the authors' code, for VOC and
      Cityscapes alike.
    align_corners: of the upsampling.
    norm: makes the normalisation layers.
  """

  features: int = 21
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, stages: Sequence[Float[Array, "n _ _ _"]], *, train: bool
  ) -> list[Float[Array, "n h w 1"]]:
    """Border logits after each of the `stages`, which go from fine to coarse."""
    block = functools.partial(
        RefinementResidualBlock, self.features, norm=self.norm
    )
    x, scores = None, []
    for i, stage in enumerate(stages):
      y = block(name=f"before{i}")(stage, train=train)
      if x is None:
        x = y
      else:
        x = x + ops.resize_bilinear(
            y, x.shape[1:3], align_corners=self.align_corners
        )
        x = block(name=f"after{i}")(x, train=train)
      scores.append(Head(1, self.norm, name=f"head{i}")(x, train=train))
    return scores


class DFN(nn.Module):
  """A smooth and a border network on one backbone (Fig. 2a).

  `logits` are the finest stage's, `smooth0` to `smooth2` those of the stages
  before it, coarsest first; `border` is the logit of a class border with all
  stages seen, `border0` to `border2` with fewer. All are supervised, the
  borders by a focal loss (Sec. 3.2), which has the weight 0.1 in the authors'
  code. The maps grow by powers of two there; here each is resized to its
  neighbour's size, so that every size of image works.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c2` to `c5` at strides 4 to 32; a ResNet-101, in the
      authors' code with the stem of `deep_stem=(64, 64, 128)`.
    features: channels of the smooth network (Sec. 3.3).
    border_features: see `BorderNetwork`.
    align_corners: of all upsampling; True in the authors' code.
    norm: makes the normalisation layers of both networks.
  """

  num_classes: int
  backbone: nn.Module
  features: int = 512
  border_features: int = 21
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w _"]]:
    features = self.backbone(image, train=train)
    stages = [features[f"c{i}"] for i in (5, 4, 3, 2)]
    smooth = SmoothNetwork(
        self.num_classes,
        self.features,
        self.align_corners,
        self.norm,
        name="smooth",
    )(stages, train=train)
    border = BorderNetwork(
        self.border_features, self.align_corners, self.norm, name="border"
    )(stages[::-1], train=train)
    outputs = {"logits": smooth.pop(), "border": border.pop()}
    outputs |= {f"smooth{i}": x for i, x in enumerate(smooth)}
    outputs |= {f"border{i}": x for i, x in enumerate(border)}
    size = image.shape[1:3]
    return {
        k: ops.resize_bilinear(v, size, align_corners=self.align_corners)
        for k, v in outputs.items()
    }
