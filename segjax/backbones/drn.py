"""Dilated residual networks, Yu et al. 2017 (arXiv:1705.09914)."""

import functools

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers
from segjax.backbones import resnet

STAGE_SIZES = {
    # depth -> whether its blocks are bottlenecks, blocks in levels 1 to 8
    22: (False, (1, 1, 2, 2, 2, 2, 1, 1)),
    26: (False, (1, 1, 2, 2, 2, 2, 1, 1)),
    38: (False, (1, 1, 3, 4, 6, 3, 1, 1)),
    42: (False, (1, 1, 3, 4, 6, 3, 1, 1)),
    54: (True, (1, 1, 3, 4, 6, 3, 1, 1)),
    58: (True, (1, 1, 3, 4, 6, 3, 1, 1)),
    105: (True, (1, 1, 3, 4, 23, 3, 1, 1)),
}
"""The authors' sizes: C-26, 42, 58 (Fig. 5c, Sec. 5.1) and D-22, 38, 54, 105.

C has the depth of D with the same sizes plus 4: its four narrow levels are
blocks of two convolutions, D's are single ones.
"""

OUTPUT_STRIDES = (4, 8)

WIDTHS = (1, 2, 4, 8, 16, 32, 32, 32)
"""Channels of levels 1 to 8, in those of level 1 (Fig. 5)."""


class Convs(nn.Module):
  """Convolutions without a shortcut: the degridding of Sec. 4, Fig. 5c.

  Attributes:
    features: channels of all.
    size: how many there are.
    stride: of the first.
    dilation: of all.
    norm: makes the normalisation layers.
  """

  features: int
  size: int
  stride: int = 1
  dilation: int = 1
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    for i in range(1, self.size + 1):
      conv = layers.ConvNormAct(
          self.features,
          stride=self.stride if i == 1 else 1,
          dilation=self.dilation,
          norm=self.norm,
          name=f"conv{i}",
      )
      x = conv(x, train=train)
    return x


class DRN(nn.Module):
  """DRN-C and DRN-D as a feature pyramid (Fig. 5c; D is the authors' code's).

  The defaults are DRN-D-22. Nothing is pooled: level 1 has the image's size,
  and each of levels 2 to 4 halves it. Levels 5 and 6, strided in a ResNet, are
  dilated by 2 and 4, and levels 7 and 8 by 2 and 1, without shortcuts, remove
  the grid that dilation leaves. `c1` to `c4` are levels 2 to 5, `c5` is level
  8, so that `c3` to `c5` have stride 8.

  The first block of a dilated level is dilated like the others, as in the
  authors' code; the paper leaves its first convolution as it was (Sec. 2).

  Attributes:
    stage_sizes: blocks in levels 1 to 8; see `STAGE_SIZES`. A narrow level
      (1, 2, 7, 8) of size 1 is one convolution in D and two in C.
    bottleneck: whether levels 3 to 6 are bottlenecks.
    arch: "C" or "D", else ValueError. In D levels 1 and 2 have no shortcuts.
    output_stride: 8, or 4 to turn the stride of level 4 into a factor 2 of all
      dilations after it, else ValueError. The weights stay the same.
    width: channels of level 1; see `WIDTHS`.
    norm: makes the normalisation layers.
  """

  stage_sizes: tuple[int, ...] = STAGE_SIZES[22][1]
  bottleneck: bool = False
  arch: str = "D"
  output_stride: int = 8
  width: int = 16
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    self._check()
    stem = layers.ConvNormAct(self.width, 7, norm=self.norm, name="conv0")
    x = stem(image, train=train)
    dense = 8 // self.output_stride
    strides = (1, 2, 2, 2 // dense, 1, 1, 1, 1)
    dilations = (1, 1, 1, 1, 2 * dense, 4 * dense, 2 * dense, dense)
    levels = {}
    for i, (stride, dilation) in enumerate(zip(strides, dilations)):
      level = self._level(i, stride, dilation)
      x = levels[i + 1] = level(name=f"layer{i + 1}")(x, train=train)
    return {f"c{i}": levels[n] for i, n in enumerate((2, 3, 4, 5, 8), start=1)}

  def _check(self):
    if self.arch not in ("C", "D"):
      raise ValueError(f"arch is {self.arch!r}; possible are 'C' and 'D'")
    if self.output_stride not in OUTPUT_STRIDES:
      raise ValueError(
          f"output_stride is {self.output_stride}; possible are"
          f" {OUTPUT_STRIDES}"
      )
    if len(self.stage_sizes) != 8:
      raise ValueError(
          f"a DRN has eight levels; stage_sizes is {self.stage_sizes}"
      )

  def _level(self, i, stride, dilation):
    """The maker of level i + 1."""
    size, width = self.stage_sizes[i], self.width * WIDTHS[i]
    if i >= 6 or (i < 2 and self.arch == "D"):
      size *= 2 if self.arch == "C" else 1
      return functools.partial(
          Convs, width, size, stride, dilation, norm=self.norm
      )
    # Level 4 alone may have lost a stride, which dilates all but its first
    # convolution.
    rest = 8 // self.output_stride if i == 3 else dilation
    blocks = []
    for j in range(size):
      options = {
          "stride": stride if j == 0 else 1,
          "dilation": dilation if j == 0 else rest,
          "norm": self.norm,
      }
      if self.bottleneck and i >= 2:
        block = functools.partial(
            resnet.Bottleneck, width, 4 * width, **options
        )
      else:
        block = functools.partial(
            resnet.BasicBlock, width, next_dilation=rest, **options
        )
      blocks.append(block)
    return functools.partial(resnet.Stage, tuple(blocks))
