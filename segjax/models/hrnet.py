"""High-resolution networks, Wang et al. 2020 (arXiv:1908.07919).

The three representation heads of Fig. 4; V2p is also in Sun et al. 2019
(arXiv:1904.04514, Fig. 2c). The four branches themselves are
`segjax.backbones.hrnet`.
"""

from collections.abc import Mapping

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import hrnet


def concatenate(
    features: Mapping[str, Float[Array, "n _ _ _"]],
    *,
    align_corners: bool = False,
) -> Float[Array, "n h w 15*c"]:
  """All branches at the size of the finest, side by side (Fig. 4b).

  With C, 2C, 4C and 8C channels: 270 for W18, 720 for W48.
  """
  branches = [features[f"branch{i}"] for i in range(4)]
  size = branches[0].shape[1:3]
  return jnp.concatenate(
      [
          ops.resize_bilinear(x, size, align_corners=align_corners)
          for x in branches
      ],
      axis=-1,
  )


class HRNetV1(nn.Module):
  """The finest branch and a classifier (Fig. 4a).

  The head for human pose (Sec. 4), where the classes are key points and the
  logits their heat maps.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c2`, at stride 4.
    align_corners: of the upsampling, which the paper has not.
  """

  num_classes: int
  backbone: nn.Module = hrnet.HRNet(32, multi_scale=False)
  align_corners: bool = False

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    x = self.backbone(image, train=train)["c2"]
    x = layers.Conv(self.num_classes, 1, name="classifier")(x)
    x = ops.resize_bilinear(
        x, image.shape[1:3], align_corners=self.align_corners
    )
    return {"logits": x}


class HRNetV2(nn.Module):
  """All branches, mixed by a 1x1 convolution, and a classifier (Fig. 4b).

  For semantic segmentation (Sec. 5); upsampled by 4 at the end.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `branch0` to `branch3`.
    align_corners: of the upsampling; False in the authors' networks without
      OCR and in mmsegmentation.
    norm: makes the normalisation layer of the head.
  """

  num_classes: int
  backbone: nn.Module = hrnet.HRNet(48, fusion="bilinear")
  align_corners: bool = False
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    x = self.backbone(image, train=train)
    x = concatenate(x, align_corners=self.align_corners)
    mix = layers.ConvNormAct(x.shape[-1], 1, norm=self.norm, name="mix")
    x = mix(x, train=train)
    x = layers.Conv(self.num_classes, 1, name="classifier")(x)
    x = ops.resize_bilinear(
        x, image.shape[1:3], align_corners=self.align_corners
    )
    return {"logits": x}


class HRNetV2p(nn.Module):
  """A pyramid of averages over what HRNetV2 sees (Fig. 4c).

  For detection (Sec. 6). It has no classes and gives `p2` to `p6`, which
  begin at stride 4 and halve; on a map smaller than its window, an average is
  over the whole of it.

  Attributes:
    features: channels of each level; 256 from the authors' code, as are the
      biases and the 3x3 convolution of each level.
    levels: how many there are.
    backbone: gives `branch0` to `branch3`.
  """

  features: int = 256
  levels: int = 5
  backbone: nn.Module = hrnet.HRNet(18)

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ {self.features}"]]:
    x = concatenate(self.backbone(image, train=train))
    x = layers.Conv(self.features, 1, name="reduce")(x)
    pyramid = {}
    for i in range(self.levels):
      window = [min(2**i, size) for size in x.shape[1:3]]
      level = layers.Conv(self.features, name=f"level{i + 2}")
      pyramid[f"p{i + 2}"] = level(ops.avg_pool(x, window))
    return pyramid
