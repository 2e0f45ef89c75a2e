"""DeepLabv3+, Chen et al. 2018 (arXiv:1802.02611)."""

import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.models import deeplab_v3, fcn


class Decoder(nn.Module):
  """Refines ASPP's result with low-level features (Sec. 3.1, Fig. 2).

  Attributes:
    features: channels of the 3x3 convolutions.
    convs: how many there are (Table 2).
    low_level_features: channels that are left of the low-level ones (Table 1).
    separable: whether the 3x3 convolutions are depthwise separable.
    align_corners: of the upsampling.
    norm: makes the normalisation layers.
  """

  features: int = 256
  convs: int = 2
  low_level_features: int = 48
  separable: bool = True
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self,
      x: Float[Array, "n h2 w2 c2"],
      low_level: Float[Array, "n h w c"],
      *,
      train: bool,
  ) -> Float[Array, "n h w {self.features}"]:
    reduce = layers.ConvNormAct(
        self.low_level_features, 1, norm=self.norm, name="reduce"
    )
    low_level = reduce(low_level, train=train)
    x = ops.resize_bilinear(
        x, low_level.shape[1:3], align_corners=self.align_corners
    )
    x = jnp.concatenate([x, low_level], axis=-1)
    layer = (
        layers.SeparableConvNormAct if self.separable else layers.ConvNormAct
    )
    block = functools.partial(layer, self.features, norm=self.norm)
    for i in range(1, self.convs + 1):
      x = block(3, name=f"conv{i}")(x, train=train)
    return x


class DeepLabV3Plus(nn.Module):
  """DeepLabv3 as encoder and a small decoder (Fig. 2).

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c5` and the low-level features, and `c4` where there is an
      auxiliary head. The paper has `ResNet`, or `AlignedXception(
      output_stride=16)` with `low_level="low_level"`.
    rates: see `deeplab_v3.ASPP`; (6, 12, 18) is for output stride 16.
    features: channels of ASPP and of the decoder.
    low_level: the backbone's features of stride 4 that the decoder sees.
    low_level_features: see `Decoder`.
    decoder_convs: 3x3 convolutions in the decoder; VainF's code has one.
    separable: whether ASPP and decoder use depthwise separable convolutions
      (Sec. 3.1); VainF's code does not.
    image_level: see `deeplab_v3.ASPP`.
    project_kernel_size: see `deeplab_v3.ASPP`.
    aux_features: channels of an auxiliary head on `c4` (mmsegmentation, 256).
      None, as in the paper, for no such head.
    dropout_rate: after ASPP; 0.1 in the authors' code.
    align_corners: of the upsampling; True in the authors' code, False in
      mmsegmentation and VainF's.
    norm: makes the normalisation layers of the heads.
  """

  num_classes: int
  backbone: nn.Module
  rates: tuple[int, ...] = (6, 12, 18)
  features: int = 256
  low_level: str = "c2"
  low_level_features: int = 48
  decoder_convs: int = 2
  separable: bool = True
  image_level: bool = True
  project_kernel_size: int = 1
  aux_features: int | None = None
  dropout_rate: float = 0.1
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    features = self.backbone(image, train=train)
    aspp = deeplab_v3.ASPP(
        self.rates,
        self.features,
        self.project_kernel_size,
        self.separable,
        self.image_level,
        self.norm,
        name="aspp",
    )
    x = aspp(features["c5"], train=train)
    x = layers.Dropout(self.dropout_rate, name="dropout")(x, train=train)
    decoder = Decoder(
        self.features,
        self.decoder_convs,
        self.low_level_features,
        self.separable,
        self.align_corners,
        self.norm,
        name="decoder",
    )
    x = decoder(x, features[self.low_level], train=train)
    outputs = {"logits": layers.Conv(self.num_classes, 1, name="classifier")(x)}
    if self.aux_features is not None:
      aux = fcn.FCNHead(
          self.num_classes, self.aux_features, norm=self.norm, name="aux"
      )
      outputs["aux"] = aux(features["c4"], train=train)
    size = image.shape[1:3]
    return {
        k: ops.resize_bilinear(v, size, align_corners=self.align_corners)
        for k, v in outputs.items()
    }
