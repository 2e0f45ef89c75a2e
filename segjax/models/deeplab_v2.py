"""DeepLabv2, Chen et al. 2018 (arXiv:1606.00915).

The network without its fully connected CRF, which is `postprocess.dense_crf`.
"""

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.models import deeplab_v1

ASPP_S = (2, 4, 8, 12)
ASPP_L = (6, 12, 18, 24)
LARGE_FOV = (12,)
"""The rates of Table 3."""


class ASPP(nn.Module):
  """Atrous spatial pyramid pooling: the sum of parallel classifiers (Fig. 7).

  Attributes:
    num_classes: channels of the result.
    rates: of each branch, in feature-map pixels; `ASPP_S`, `ASPP_L`, or
      `LARGE_FOV` for a single branch.
    features: channels of fc6 and fc7 in each branch (VGG-16, 1024). None, as
      with the authors' ResNet-101, where each branch is one atrous convolution
      to the classes.
    dropout_rate: after fc6 and fc7.
  """

  num_classes: int
  rates: tuple[int, ...] = ASPP_L
  features: int | None = None
  dropout_rate: float = 0.5

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.num_classes}"]:
    total = 0
    for i, rate in enumerate(self.rates, start=1):
      y, kernel_size = x, 3
      if self.features is not None:
        for name, kernel_size in ((f"fc6_{i}", 3), (f"fc7_{i}", 1)):
          dilation = rate if kernel_size == 3 else 1
          conv = layers.Conv(
              self.features, kernel_size, dilation=dilation, name=name
          )
          dropout = layers.Dropout(self.dropout_rate, name=f"{name}_dropout")
          y = dropout(nn.relu(conv(y)), train=train)
      dilation = rate if kernel_size == 3 else 1
      classifier = layers.Conv(
          self.num_classes, kernel_size, dilation=dilation, name=f"fc8_{i}"
      )
      total += classifier(y)
    return total


class DeepLabV2(nn.Module):
  """A dilated backbone and ASPP, on the image at several scales (Sec. 3 and 4).

  The paper's backbones are VGG-16 as in DeepLabv1, with `features=1024` and
  `scales=(1.0,)`, and ResNet-101 at output stride 8 with
  `contract_dilation=False` and, in the authors' Caffe nets,
  `stride_first=True`. They and the head are the same for every scale.

  The results are the scores of every scale, brought to the grid of the
  whole image: "scale100", "scale75" and so on, in per cent, and their maximum,
  "logits" (Sec. 4.1.2, multi-scale inputs). The paper does not say what is
  trained; the authors' Caffe nets have a loss at each of these. A single scale
  has the logits alone.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c5` at output stride 8.
    rates: see `ASPP`.
    features: see `ASPP`.
    scales: of the image; the first must be 1, else ValueError.
    dropout_rate: see `ASPP`.
    align_corners: of all resizing; True in the authors' Caffe nets, for which
      sides of 8 k + 1 pixels fit exactly, False in kazuto1011's PyTorch ones.
  """

  num_classes: int
  backbone: nn.Module
  rates: tuple[int, ...] = ASPP_L
  features: int | None = None
  scales: tuple[float, ...] = (1.0, 0.75, 0.5)
  dropout_rate: float = 0.5
  align_corners: bool = True

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    if not self.scales or self.scales[0] != 1:
      raise ValueError(f"scales must begin with 1, and are {self.scales}")
    aspp = ASPP(
        self.num_classes,
        self.rates,
        self.features,
        self.dropout_rate,
        name="aspp",
    )
    scores = {}
    for scale in self.scales:
      x = self.backbone(self._resize(image, scale), train=train)["c5"]
      x = aspp(x, train=train)
      if scores:
        grid = scores["scale100"].shape[1:3]
        x = ops.resize_bilinear(x, grid, align_corners=self.align_corners)
      scores[f"scale{100 * scale:.0f}"] = x
    logits = jnp.max(jnp.stack(list(scores.values())), axis=0)
    scores = scores if len(self.scales) > 1 else {}
    return {
        k: self._upsample(v, image.shape[1:3])
        for k, v in {"logits": logits, **scores}.items()
    }

  def _resize(self, image, scale):
    """The image at another scale."""
    if scale == 1:
      return image
    if self.align_corners:
      size = [int((n - 1) * scale) + 1 for n in image.shape[1:3]]
      return ops.resize_bilinear(image, size, align_corners=True)
    size = [max(1, int(n * scale)) for n in image.shape[1:3]]
    return ops.resize_bilinear(image, size, factor=scale)

  def _upsample(self, x, size):
    if self.align_corners:
      return deeplab_v1.zoom(x, size)
    return ops.resize_bilinear(x, size)
