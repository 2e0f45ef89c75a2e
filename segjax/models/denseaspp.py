"""DenseASPP, Yang et al. 2018 (CVPR 2018, "DenseASPP for Street Scenes")."""

import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import densenet

SIZES = {
    # depth of DenseNet -> inner_features, features
    121: (128, 64),
    161: (512, 128),
    169: (336, 168),
    201: (480, 240),
}
"""Of the authors' code; the paper has a half and an eighth of c0 (Sec. 3.3)."""

SLOW_NORM = functools.partial(layers.BatchNorm, momentum=0.9997)


class DenseASPPLayer(nn.Module):
  """A 1x1 convolution that thins, then an atrous one (Sec. 3, Fig. 3).

  Attributes:
    rate: in feature-map pixels.
    inner_features: channels between the two.
    features: n, the channels of the result.
    norm_input: whether the input is normalised; the first layer's is already.
    dropout_rate: of whole channels of the result.
    norm: makes the normalisation layers.
  """

  rate: int
  inner_features: int = 128
  features: int = 64
  norm_input: bool = True
  dropout_rate: float = 0.1
  norm: layers.ModuleDef = SLOW_NORM

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    if self.norm_input:
      x = nn.relu(self.norm(name="norm1")(x, train=train))
    x = layers.Conv(self.inner_features, 1, name="conv1")(x)
    x = nn.relu(self.norm(name="norm2")(x, train=train))
    x = layers.Conv(self.features, dilation=self.rate, name="conv2")(x)
    dropout = layers.Dropout(self.dropout_rate, True, name="dropout")
    return dropout(x, train=train)


class DenseASPP(nn.Module):
  """Atrous layers of which each sees all before it (Fig. 3).

  y_l = H_l([y_{l-1}, ..., y_0]), Sec. 3.2: rates add up along the chain, so that
  five layers cover many scales, up to 127 pixels of the feature map.

  The paper's backbones are DenseNets whose last two transitions keep the size;
  the authors' code also has MobileNetV2, `mobilenet.MobileNetV2(8)` without `halve`.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c5`, at output stride 8.
    halve: whether DenseNet's transition, without a stride, halves the channels
      of `c5`, and a norm follows; otherwise `c5` is taken as it is (MobileNet).
    rates: of the layers.
    inner_features: see `DenseASPPLayer`, and `SIZES` for the depths.
    features: n, the channels that each layer adds.
    dropout_rate: of whole channels, after each layer and before the
      classifier; 0.1 in the authors' code.
    align_corners: of the upsampling; True in the PyTorch 0.3 that the authors'
      networks were trained with.
    norm: makes the normalisation layers of the head.
  """

  num_classes: int
  backbone: nn.Module = densenet.DenseNet(
      output_stride=8, pool_dilated=False, norm_last=False
  )
  halve: bool = True
  rates: tuple[int, ...] = (3, 6, 12, 18, 24)
  inner_features: int = SIZES[121][0]
  features: int = SIZES[121][1]
  dropout_rate: float = 0.1
  align_corners: bool = True
  norm: layers.ModuleDef = SLOW_NORM

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    x = self.backbone(image, train=train)["c5"]
    if self.halve:
      transition = densenet.Transition(
          stride=1, pool=False, norm=self.norm, name="transition4"
      )
      x = self.norm(name="norm5")(transition(x, train=train), train=train)
    x = nn.relu(x)
    for i, rate in enumerate(self.rates):
      layer = DenseASPPLayer(
          rate,
          self.inner_features,
          self.features,
          i > 0,
          self.dropout_rate,
          self.norm,
          name=f"aspp{i + 1}",
      )
      x = jnp.concatenate([layer(x, train=train), x], axis=-1)
    x = layers.Dropout(self.dropout_rate, True, name="dropout")(x, train=train)
    x = layers.Conv(self.num_classes, 1, name="classifier")(x)
    x = ops.resize_bilinear(
        x, image.shape[1:3], align_corners=self.align_corners
    )
    return {"logits": x}
