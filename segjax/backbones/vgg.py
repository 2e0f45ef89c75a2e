"""VGG, Simonyan and Zisserman 2015 (arXiv:1409.1556)."""

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers

STAGE_SIZES = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Depth -> 3x3 convolutions before each of the five pools (Table 1)."""


class VGG(nn.Module):
  """The convolutions of VGG, without its classifier (Table 1).

  The defaults are VGG-16 (configuration D). `c1` to `c5` are the five pools.

  Attributes:
    stage_sizes: convolutions before each pool; see `STAGE_SIZES`.
    first_padding: zeros around the image; FCN pads by 100 (arXiv:1411.4038).
    ceil_mode: pools keep the remainder of an odd size (Caffe) or drop it.
    width: channels before the first pool; they double up to eight times that.
    norm: makes normalisation layers after the convolutions; the paper has
      none, torchvision's `vgg16_bn` has `layers.BatchNorm`.
  """

  stage_sizes: tuple[int, ...] = STAGE_SIZES[16]
  first_padding: int = 1
  ceil_mode: bool = False
  width: int = 64
  norm: layers.ModuleDef = layers.Identity

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    features, x = {}, image
    for i, size in enumerate(self.stage_sizes, start=1):
      for j in range(1, size + 1):
        conv = layers.ConvNormAct(
            self.width * min(2 ** (i - 1), 8),
            padding=self.first_padding if i == j == 1 else 1,
            use_bias=True,
            norm=self.norm,
            name=f"conv{i}_{j}",
        )
        x = conv(x, train=train)
      x = layers.max_pool(x, 2, 2, ceil_mode=self.ceil_mode)
      features[f"c{i}"] = x
    return features
