"""AlexNet in one tower, Krizhevsky 2014 (arXiv:1404.5997)."""

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers

CONVS = (
    # channels, kernel size, stride, padding, the feature map that it ends
    (64, 11, 4, 2, "c2"),
    (192, 5, 1, 2, "c3"),
    (384, 3, 1, 1, None),
    (256, 3, 1, 1, None),
    (256, 3, 1, 1, "c4"),
)
"""The paper's footnote 1 but for the fourth, which has 384 channels there.

The author's own configuration (cuda-convnet2) and torchvision have 256.
"""


class AlexNet(nn.Module):
  """The convolutions of AlexNet, without its classifier.

  Neither two towers nor local response normalisation (Krizhevsky et al. 2012),
  as in torchvision. `c2`, `c3` and `c4` are the first, second and fifth
  convolution, `c5` is the last pool. Nothing has stride 2: `c1` is `c2`. The
  3x3 pools of stride 2 are not padded, so that an image needs 63 pixels a side.

  Attributes:
    norm: makes normalisation layers after the convolutions; the paper has none.
  """

  norm: layers.ModuleDef = layers.Identity

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    features, x = {}, image
    for i, (channels, size, stride, padding, key) in enumerate(CONVS, start=1):
      conv = layers.ConvNormAct(
          channels,
          size,
          stride,
          padding=padding,
          use_bias=True,
          norm=self.norm,
          name=f"conv{i}",
      )
      x = conv(x, train=train)
      if key:
        features[key] = x
        x = layers.max_pool(x, 3, 2)
    return {"c1": features["c2"], **features, "c5": x}
