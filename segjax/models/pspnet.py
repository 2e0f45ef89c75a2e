"""Pyramid scene parsing network, Zhao et al. 2017 (arXiv:1612.01105)."""

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.models import fcn

POOLS = {"average": ops.adaptive_avg_pool, "max": ops.adaptive_max_pool}
"""What becomes of the pixels of a bin (Sec. 5.2, Table 1)."""


class PyramidPooling(nn.Module):
  """Means over coarse grids beside the map itself (Sec. 3.2, Fig. 3c).

  Attributes:
    bins: rows and columns of each grid.
    pool: a key of `POOLS`, else ValueError; the paper compares both and takes
      averages.
    features: channels of each level; the paper has 1/len(bins) of the input's.
    align_corners: how the levels are upsampled.
    norm: makes the normalisation layers.
  """

  bins: tuple[int, ...] = (1, 2, 3, 6)
  features: int = 512
  align_corners: bool = True
  pool: str = "average"
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w c2"]:
    if self.pool not in POOLS:
      raise ValueError(f"pool is {self.pool!r}; possible are {sorted(POOLS)}")
    levels = [x]
    for i, size in enumerate(self.bins, start=1):
      level = layers.ConvNormAct(
          self.features, 1, norm=self.norm, name=f"level{i}"
      )
      pooled = level(POOLS[self.pool](x, size), train=train)
      pooled = ops.resize_bilinear(
          pooled, x.shape[1:3], align_corners=self.align_corners
      )
      levels.append(pooled)
    return jnp.concatenate(levels, axis=-1)


class PSPNet(nn.Module):
  """A dilated backbone, pyramid pooling, an auxiliary loss (Fig. 3 and 4).

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c4` and `c5`, at output stride 8.
    bins: see `PyramidPooling`, as is `pool`.
    features: channels of each pyramid level and of the convolution behind.
    aux_features: channels of the auxiliary head on `c4` (Sec. 3.3).
    dropout_rate: before each classifier; from the authors' semseg code.
    align_corners: of the upsampling; True in the authors' code, for which
      sides of 8 k + 1 pixels fit exactly, False in mmsegmentation.
    norm: makes the normalisation layers of the heads.
  """

  num_classes: int
  backbone: nn.Module
  bins: tuple[int, ...] = (1, 2, 3, 6)
  features: int = 512
  aux_features: int = 256
  dropout_rate: float = 0.1
  align_corners: bool = True
  pool: str = "average"
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    features = self.backbone(image, train=train)
    pyramid = PyramidPooling(
        self.bins,
        self.features,
        self.align_corners,
        self.pool,
        self.norm,
        name="pyramid",
    )
    head = fcn.FCNHead(
        self.num_classes,
        self.features,
        dropout_rate=self.dropout_rate,
        norm=self.norm,
        name="head",
    )
    aux = fcn.FCNHead(
        self.num_classes,
        self.aux_features,
        dropout_rate=self.dropout_rate,
        norm=self.norm,
        name="aux",
    )
    outputs = {
        "logits": head(pyramid(features["c5"], train=train), train=train),
        "aux": aux(features["c4"], train=train),
    }
    size = image.shape[1:3]
    return {
        k: ops.resize_bilinear(v, size, align_corners=self.align_corners)
        for k, v in outputs.items()
    }
