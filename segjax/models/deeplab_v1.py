"""DeepLab, Chen et al. 2015 (arXiv:1412.7062).

The network without its fully connected CRF, which is `postprocess.dense_crf`.
"""

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import vgg

STRIDE = 8


def zoom(
    x: Float[Array, "n h w c"], size: tuple[int, int], factor: int = STRIDE
) -> Float[Array, "n h2 w2 c"]:
  """Bilinear upsampling in which feature i stands on pixel `factor` * i.

  Caffe's Interp: sides of `factor` * k + 1 pixels fit exactly (321 in Sec. 5).
  Of others the interpolation is cut off at the image's edge, and where the map
  ends before the image does, its last row or column is repeated.

  Args:
    x: feature maps.
    size: (height, width) of the result, in pixels.
    factor: pixels from one feature to the next.
  """
  return ops.resize_bilinear(x, size, align_corners=True, factor=factor)


class DeepLabV1(nn.Module):
  """VGG-16 with holes, at stride 8 (Sec. 3).

  The hole algorithm (Sec. 3.1) skips the last two subsamplings of VGG and
  spreads the filters behind them: conv5 by 2, and fc6 by the "input stride" of
  Table 2. The defaults are DeepLab-LargeFOV. The other rows of that table are,
  by kernel_size, rate and features: DeepLab-7x7 (7, 4, 4096), DeepLab
  (4, 4, 4096) and DeepLab-4x4 (4, 8, 4096).

  The paper leaves open how the pools keep the size of a map. As in the authors'
  LargeFOV net they are 3x3, padded by 1, and a mean of 3x3 follows the last.

  Attributes:
    num_classes: channels of the logits.
    kernel_size: of fc6, cut down from 7 (Sec. 3.2).
    rate: of fc6, in feature-map pixels: its input stride.
    features: channels of fc6 and fc7.
    multi_scale: DeepLab-MSc: the classifier also sees two convolutions on the
      image and on each of the first four pools (Sec. 4.3). The paper leaves
      open where they come to one size; here the first of the two takes the
      stride that is missing.
    multi_scale_features: channels of each of these convolutions.
    dropout_rate: after fc6 and fc7.
    backbone: gives `c1` to `c5`, `c4` and `c5` at stride 8.
  """

  num_classes: int
  kernel_size: int = 3
  rate: int = 12
  features: int = 1024
  multi_scale: bool = False
  multi_scale_features: int = 128
  dropout_rate: float = 0.5
  backbone: nn.Module = vgg.VGG(
      pool_size=3, ceil_mode=True, output_stride=STRIDE
  )

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    pools = self.backbone(image, train=train)
    x = ops.avg_pool(pools["c5"], 3, 1, padding=1)
    fc6 = layers.Conv(
        self.features, self.kernel_size, dilation=self.rate, name="fc6"
    )
    x = layers.Dropout(self.dropout_rate, name="fc6_dropout")(
        nn.relu(fc6(x)), train=train
    )
    fc7 = layers.Conv(self.features, 1, name="fc7")
    x = layers.Dropout(self.dropout_rate, name="fc7_dropout")(
        nn.relu(fc7(x)), train=train
    )
    if self.multi_scale:
      x = jnp.concatenate([x, *self._scales(image, pools, x.shape)], axis=-1)
    x = layers.Conv(self.num_classes, 1, name="classifier")(x)
    return {"logits": zoom(x, image.shape[1:3])}

  def _scales(self, image, pools, shape):
    """The features of each scale, as large as fc7's."""
    inputs = {"image": image} | {
        f"pool{i}": pools[f"c{i}"] for i in range(1, 5)
    }
    for (name, x), stride in zip(inputs.items(), (8, 4, 2, 1, 1)):
      for i, (kernel_size, step) in enumerate(((3, stride), (1, 1)), start=1):
        conv = layers.Conv(
            self.multi_scale_features,
            kernel_size,
            step,
            name=f"{name}_conv{i}",
        )
        x = nn.relu(conv(x))
      # Caffe's pools leave one row more than a stride does on even sizes.
      short = [(0, max(0, a - b)) for a, b in zip(shape[1:3], x.shape[1:3])]
      x = ops.pad(x, short, mode="edge")
      yield x[:, : shape[1], : shape[2]]
