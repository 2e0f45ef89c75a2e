"""Bilateral segmentation network, Yu et al. 2018 (arXiv:1808.00897).

The paper's figures leave out channels and small layers; where they do, the
defaults are those of the first author's code, TorchSeg.
"""

import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.models import fcn

UPS = ("bilinear", "nearest")


class SpatialPath(nn.Module):
  """Three convolutions of stride 2, for detail at stride 8 (Sec. 3.1).

  Attributes:
    features: channels of the three, and of the 1x1 convolution that the
      authors' code has behind them.
    norm: makes the normalisation layers.
  """

  features: tuple[int, int, int, int] = (64, 64, 64, 128)
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w 3"], *, train: bool
  ) -> Float[Array, "n h2 w2 c"]:
    geometry = ((7, 2), (3, 2), (3, 2), (1, 1))
    for i, (features, (kernel_size, stride)) in enumerate(
        zip(self.features, geometry), start=1
    ):
      conv = layers.ConvNormAct(
          features, kernel_size, stride, norm=self.norm, name=f"conv{i}"
      )
      x = conv(x, train=train)
    return x


class AttentionRefinement(nn.Module):
  """ARM: channels weighed by their means (Sec. 3.2, Fig. 2b).

  Attributes:
    features: channels of the result, which a 3x3 convolution makes equal for
      all stages (authors' code).
    norm: makes the normalisation layers.
  """

  features: int = 128
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    block = functools.partial(layers.ConvNormAct, self.features, norm=self.norm)
    x = block(name="conv")(x, train=train)
    attention = block(1, act=nn.sigmoid, name="attention")
    return x * attention(jnp.mean(x, (1, 2), keepdims=True), train=train)


class ContextPath(nn.Module):
  """The last two stages and the global mean, refined and added (Sec. 3.2).

  Attributes:
    features: channels of all layers.
    up: see `BiSeNet`.
    norm: makes the normalisation layers.
  """

  features: int = 128
  up: str = "bilinear"
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self,
      c3: Float[Array, "n h3 w3 _"],
      c4: Float[Array, "n h4 w4 _"],
      c5: Float[Array, "n h5 w5 _"],
      *,
      train: bool,
  ) -> tuple[Float[Array, "n h3 w3 c"], Float[Array, "n h4 w4 c"]]:
    """Refined `c4` at the size of `c3`, refined `c5` at the size of `c4`."""
    block = functools.partial(layers.ConvNormAct, self.features, norm=self.norm)
    arm = functools.partial(AttentionRefinement, self.features, self.norm)
    context = block(1, name="global_context")(
        jnp.mean(c5, (1, 2), keepdims=True), train=train
    )
    x = self._resize(arm(name="arm32")(c5, train=train) + context, c4)
    x32 = block(name="refine32")(x, train=train)
    x = self._resize(arm(name="arm16")(c4, train=train) + x32, c3)
    return block(name="refine16")(x, train=train), x32

  def _resize(self, x, like):
    size = like.shape[1:3]
    if self.up == "nearest":
      return ops.resize_nearest(x, size)
    return ops.resize_bilinear(x, size, align_corners=True)


class FeatureFusion(nn.Module):
  """FFM: both paths joined, then weighed like in SENet (Sec. 3.3, Fig. 2c).

  Attributes:
    features: channels of the result.
    normed_attention: one convolution with norm and ReLU before the sigmoid
      (mmsegmentation), which so stays above 0.5, in place of the two bare ones.
    norm: makes the normalisation layers.
  """

  features: int = 256
  normed_attention: bool = False
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self,
      spatial: Float[Array, "n h w c"],
      context: Float[Array, "n h w c2"],
      *,
      train: bool,
  ) -> Float[Array, "n h w {self.features}"]:
    block = functools.partial(
        layers.ConvNormAct, self.features, 1, norm=self.norm
    )
    x = jnp.concatenate([spatial, context], axis=-1)
    x = block(name="conv")(x, train=train)
    weights = jnp.mean(x, (1, 2), keepdims=True)
    if self.normed_attention:
      weights = block(name="attention")(weights, train=train)
    else:
      conv = functools.partial(layers.Conv, self.features, 1, use_bias=False)
      weights = nn.relu(conv(name="attention1")(weights))
      weights = conv(name="attention2")(weights)
    return x + x * nn.sigmoid(weights)


class BiSeNet(nn.Module):
  """A spatial and a context path, fused at stride 8 (Fig. 2a).

  `aux16` and `aux32` are the auxiliary logits on what the context path makes of
  the stages of stride 16 and 32; Sec. 3.4 gives their losses the weight 1.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c3`, `c4` and `c5` at strides 8, 16 and 32: an Xception39,
      ResNet-18 or ResNet-101.
    spatial_features: see `SpatialPath`.
    context_features: channels of the context path.
    fusion_features: channels of the fusion.
    head_features: channels in front of the classifier.
    aux_features: channels in front of the auxiliary classifiers; 256 with a
      ResNet, 128 with Xception39.
    normed_attention: see `FeatureFusion`.
    up: "bilinear", with aligned corners, or "nearest" (mmsegmentation): how
      the context path upsamples.
    dropout_rate: before each classifier; 0.1 in mmsegmentation.
    align_corners: of the upsampling to the image; True in the authors' code,
      False in mmsegmentation.
    norm: makes the normalisation layers of all but the backbone.
  """

  num_classes: int
  backbone: nn.Module
  spatial_features: tuple[int, int, int, int] = (64, 64, 64, 128)
  context_features: int = 128
  fusion_features: int = 256
  head_features: int = 64
  aux_features: int = 256
  normed_attention: bool = False
  up: str = "bilinear"
  dropout_rate: float = 0.0
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    """Returns `logits`, `aux16` and `aux32`.

    Raises:
      ValueError: `up` is unknown.
    """
    if self.up not in UPS:
      raise ValueError(f"BiSeNet.up is {self.up!r}; there are {UPS}")
    spatial = SpatialPath(self.spatial_features, self.norm, name="spatial_path")
    context = ContextPath(
        self.context_features, self.up, self.norm, name="context_path"
    )
    fusion = FeatureFusion(
        self.fusion_features, self.normed_attention, self.norm, name="fusion"
    )
    stages = self.backbone(image, train=train)
    x16, x32 = context(stages["c3"], stages["c4"], stages["c5"], train=train)
    fused = fusion(spatial(image, train=train), x16, train=train)
    size, outputs = image.shape[1:3], {}
    for key, x, features in (
        ("logits", fused, self.head_features),
        ("aux16", x16, self.aux_features),
        ("aux32", x32, self.aux_features),
    ):
      head = fcn.FCNHead(
          self.num_classes,
          features,
          dropout_rate=self.dropout_rate,
          norm=self.norm,
          name="head" if key == "logits" else key,
      )
      outputs[key] = ops.resize_bilinear(
          head(x, train=train), size, align_corners=self.align_corners
      )
    return outputs
