"""AlexNet, Krizhevsky et al. 2012 and Krizhevsky 2014 (arXiv:1404.5997)."""

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers, ops

ONE_TOWER = (
    # channels, kernel size, stride, padding, groups
    (64, 11, 4, 2, 1),
    (192, 5, 1, 2, 1),
    (384, 3, 1, 1, 1),
    (256, 3, 1, 1, 1),
    (256, 3, 1, 1, 1),
)
"""The paper of 2014, footnote 1, but for the fourth, which has 384 there.

The author's own configuration (cuda-convnet2) and torchvision have 256.
"""

TWO_TOWERS = (
    (96, 11, 4, 0, 1),
    (256, 5, 1, 2, 2),
    (384, 3, 1, 1, 1),
    (384, 3, 1, 1, 2),
    (256, 3, 1, 1, 2),
)
"""The paper of 2012, Fig. 2: two towers that meet in the third layer."""

LRN = ("", "before_pool", "after_pool")


class AlexNet(nn.Module):
  """The convolutions of AlexNet, without its classifier.

  The default is torchvision's, one tower without local response normalisation.
  `c2`, `c3` and `c4` are the first, second and fifth convolution, `c5` is the
  last pool. Nothing has stride 2: `c1` is `c2`. The 3x3 pools of stride 2 are
  not padded, so that an image needs 63 pixels a side, unless `first_padding`
  makes up for it.

  Attributes:
    norm: makes normalisation layers after the convolutions; the paper has none.
    convs: `ONE_TOWER` or `TWO_TOWERS`.
    first_padding: zeros around the image, None for those of `convs`; FCN has
      100 (arXiv:1411.4038).
    ceil_mode: pools keep the remainder (Caffe) or drop it.
    lrn: local response normalisation of the first two maps: "" for none,
      "before_pool" (the paper of 2012) or "after_pool" (Caffe's CaffeNet).
    width: factor on all channels.
  """

  norm: layers.ModuleDef = layers.Identity
  convs: tuple[tuple[int, ...], ...] = ONE_TOWER
  first_padding: int | None = None
  ceil_mode: bool = False
  lrn: str = ""
  width: float = 1.0

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    """The feature maps, and the pools of stride 8 and 16 as `pool1`, `pool2`.

    Raises:
      ValueError: `lrn` is unknown, or the image is too small.
    """
    if self.lrn not in LRN:
      raise ValueError(f"AlexNet.lrn is {self.lrn!r}; there are {LRN}")
    features, x = {}, image
    for i, layer in enumerate(self.convs, start=1):
      channels, size, stride, padding, groups = layer
      if i == 1 and self.first_padding is not None:
        padding = self.first_padding
      conv = layers.ConvNormAct(
          round(channels * self.width),
          size,
          stride,
          padding=padding,
          groups=groups,
          use_bias=True,
          norm=self.norm,
          name=f"conv{i}",
      )
      x = conv(x, train=train)
      if i in (1, 2):
        features[f"c{i + 1}"] = x
        if self.lrn == "before_pool":
          x = ops.local_response_norm(x)
        x = layers.max_pool(x, 3, 2, ceil_mode=self.ceil_mode)
        if self.lrn == "after_pool":
          x = ops.local_response_norm(x)
        features[f"pool{i}"] = x
    features |= {"c1": features["c2"], "c4": x}
    features["c5"] = layers.max_pool(x, 3, 2, ceil_mode=self.ceil_mode)
    return features
