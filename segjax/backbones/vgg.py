"""VGG, Simonyan and Zisserman 2015 (arXiv:1409.1556)."""

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import strides

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
    padding: whether the other maps are padded so that convolutions keep their
      size; the front end of Yu and Koltun has no padding at all
      (arXiv:1511.07122, Sec. 4).
    ceil_mode: pools keep the remainder of an odd size (Caffe) or drop it.
    pool_size: of the pools' windows; 3, padded by 1, in DeepLab.
    output_stride: 4, 8, 16 or 32, else ValueError. Below 32 the last pools lose
      their stride, and the convolutions behind them are dilated instead: the
      hole algorithm of DeepLab (arXiv:1412.7062, Sec. 3.1), whose weights are
      the same.
    dense_pools: whether the pools without a stride stay (DeepLab; `pool_size`
      must be 3, else ValueError), or go (arXiv:1511.07122, Sec. 4).
    width: channels before the first pool; they double up to eight times that.
    norm: makes normalisation layers after the convolutions; the paper has
      none, torchvision's `vgg16_bn` has `layers.BatchNorm`.
    switches: also gives `switches1` to `switches5`, where the pools found their
      maxima (`ops.max_pool_with_indices`): for DeconvNet and SegNet.
  """

  stage_sizes: tuple[int, ...] = STAGE_SIZES[16]
  first_padding: int = 1
  padding: bool = True
  ceil_mode: bool = False
  pool_size: int = 2
  output_stride: int = 32
  dense_pools: bool = True
  width: int = 64
  norm: layers.ModuleDef = layers.Identity
  switches: bool = False

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    self._check()
    features, x = {}, image
    plan = strides.atrous((2,) * 5, self.output_stride, start=1)
    for i, (stride, dilation, _) in enumerate(plan, start=1):
      for j in range(1, self.stage_sizes[i - 1] + 1):
        padding = dilation if self.padding else 0
        conv = layers.ConvNormAct(
            self.width * min(2 ** (i - 1), 8),
            dilation=dilation,
            padding=self.first_padding if i == j == 1 else padding,
            use_bias=True,
            norm=self.norm,
            name=f"conv{i}_{j}",
        )
        x = conv(x, train=train)
      if stride > 1 or self.dense_pools:
        pool = ops.max_pool_with_indices if self.switches else ops.max_pool
        x = pool(
            x,
            self.pool_size,
            stride,
            padding=(self.pool_size - 1) // 2,
            ceil_mode=self.ceil_mode,
        )
        if self.switches:
          x, features[f"switches{i}"] = x
      features[f"c{i}"] = x
    return features

  def _check(self):
    if len(self.stage_sizes) != 5:
      raise ValueError(
          f"a VGG has five stages; stage_sizes is {self.stage_sizes}"
      )
    if self.pool_size not in (2, 3):
      raise ValueError(f"pool_size is {self.pool_size}; possible are 2 and 3")
    if self.pool_size == 2 and self.output_stride < 32 and self.dense_pools:
      raise ValueError(
          f"output_stride {self.output_stride} needs pool_size=3, or"
          " dense_pools=False: a window of 2 has no centre to keep"
      )
