"""Residual networks, He et al. 2016 (arXiv:1512.03385), and their stems."""

from collections.abc import Callable
import functools

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import strides

STAGE_SIZES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Depth -> blocks in conv2_x to conv5_x (Table 1)."""


class Shortcut(nn.Module):
  """The projection of Eq. (2), where a block changes the shape of its input.

  Attributes:
    features: channels of the result.
    stride: of the block.
    avg_down: the stride is taken by an average pool before the convolution
      (ResNet-D; He et al. 2019, arXiv:1812.01187, Fig. 2c).
    norm: makes the normalisation layer.
  """

  features: int
  stride: int = 1
  avg_down: bool = False
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    if x.shape[-1] == self.features and self.stride == 1:
      return x
    stride = self.stride
    if self.avg_down and stride > 1:
      x = ops.avg_pool(x, stride, ceil_mode=True, count_include_pad=False)
      stride = 1
    project = layers.ConvNormAct(
        self.features, 1, stride, norm=self.norm, act=None, name="project"
    )
    return project(x, train=train)


class BasicBlock(nn.Module):
  """Two 3x3 convolutions with a shortcut (Fig. 5, left).

  Attributes:
    width: channels of both convolutions.
    stride: of the first convolution.
    dilation: of the first convolution.
    next_dilation: of the second one.
    avg_down: see `Shortcut`.
    norm: makes the normalisation layers.
  """

  width: int
  stride: int = 1
  dilation: int = 1
  next_dilation: int = 1
  avg_down: bool = False
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.width}"]:
    shortcut = Shortcut(
        self.width, self.stride, self.avg_down, self.norm, name="shortcut"
    )(x, train=train)
    conv = functools.partial(layers.ConvNormAct, self.width, norm=self.norm)
    conv1 = conv(3, self.stride, self.dilation, name="conv1")
    conv2 = conv(3, 1, self.next_dilation, act=None, name="conv2")
    x = conv2(conv1(x, train=train), train=train)
    return nn.relu(x + shortcut)


class Bottleneck(nn.Module):
  """1x1, 3x3 and 1x1 convolutions with a shortcut (Fig. 5, right).

  The stride is taken by the 3x3 convolution, as almost every public PyTorch
  network has it; the paper took it in the first 1x1.

  Attributes:
    width: channels of the 3x3 convolution.
    features: channels of the result.
    stride: of the 3x3 convolution.
    stride_first: of the first convolution instead (the paper, Caffe).
    dilation: of the 3x3 convolution.
    groups: of the 3x3 convolution: ResNeXt's cardinality.
    avg_down: see `Shortcut`.
    norm: makes the normalisation layers.
  """

  width: int
  features: int
  stride: int = 1
  dilation: int = 1
  groups: int = 1
  stride_first: bool = False
  avg_down: bool = False
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    shortcut = Shortcut(
        self.features, self.stride, self.avg_down, self.norm, name="shortcut"
    )(x, train=train)
    conv = functools.partial(layers.ConvNormAct, norm=self.norm)
    first, second = self.stride, 1
    if not self.stride_first:
      first, second = second, first
    x = conv(self.width, 1, first, name="conv1")(x, train=train)
    conv2 = conv(
        self.width,
        3,
        second,
        self.dilation,
        groups=self.groups,
        name="conv2",
    )
    x = conv2(x, train=train)
    x = conv(self.features, 1, act=None, name="conv3")(x, train=train)
    return nn.relu(x + shortcut)


class Stage(nn.Module):
  """One of conv2_x to conv5_x: blocks of which the first may have a stride.

  Attributes:
    blocks: make the blocks, given a name.
  """

  blocks: tuple[Callable[..., nn.Module], ...]

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 c2"]:
    for i, block in enumerate(self.blocks):
      x = block(name=f"block{i}")(x, train=train)
    return x


class ResNet(nn.Module):
  """ResNet, ResNeXt and ResNet-C/D as a feature pyramid (Table 1).

  The defaults are ResNet-50. `c1` is the stem, `c2` to `c5` are conv2_x to
  conv5_x.

  Attributes:
    stage_sizes: blocks in conv2_x to conv5_x; see `STAGE_SIZES`.
    bottleneck: False for the basic blocks of ResNet-18 and 34.
    output_stride: 4, 8, 16 or 32, else ValueError. Below 32 the last strides
      become dilations (DeepLabv3, arXiv:1706.05587, Sec. 3.1); the weights
      stay the same.
    width: channels of the stem, and of the 3x3 convolutions of conv2_x; they
      double at each stage.
    deep_stem: channels of three 3x3 convolutions in place of the 7x7 one, such
      as (32, 32, 64) (arXiv:1812.01187, Fig. 2b) or PSPNet's (64, 64, 128).
    groups: of the 3x3 convolutions; ResNeXt's cardinality (arXiv:1611.05431).
    width_per_group: of the 3x3 convolutions in conv2_x where width is 64.
    stride_first: bottlenecks take their stride in the first convolution, as in
      the paper and its Caffe weights; see `Bottleneck`.
    ceil_mode: the pool keeps the remainder of an even size (Caffe).
    avg_down: average pools in the shortcuts ("ResNet-D"); the pool of a stride
      that became a dilation is left out, as in mmsegmentation.
    multi_grid: one rate per block of conv5_x, multiplied by its dilation
      (DeepLabv3, Sec. 3.2), such as (1, 2, 4); the paper's (2, 4, 8) at output
      stride 16 needs `contract_dilation=False` as well.
    multi_grid_replaces: the rates of `multi_grid` take the place of conv5_x's
      dilation (mmsegmentation).
    contract_dilation: the first block of a dilated stage keeps the dilation of
      the stage before (torchvision, mmsegmentation), which makes the dense
      features agree with the strided ones. False: it has the new one (Caffe
      DeepLab and PSPNet, semseg).
    dilate_conv2: False leaves the second convolution of a basic block without
      dilation (mmsegmentation).
    norm: makes the normalisation layers.
  """

  stage_sizes: tuple[int, ...] = STAGE_SIZES[50]
  bottleneck: bool = True
  output_stride: int = 32
  width: int = 64
  deep_stem: tuple[int, ...] | None = None
  groups: int = 1
  width_per_group: int = 64
  stride_first: bool = False
  ceil_mode: bool = False
  avg_down: bool = False
  multi_grid: tuple[int, ...] | None = None
  multi_grid_replaces: bool = False
  contract_dilation: bool = True
  dilate_conv2: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    self._check()
    features = {"c1": self._stem(image, train)}
    x = layers.max_pool(
        features["c1"], 3, 2, padding=1, ceil_mode=self.ceil_mode
    )
    plan = strides.atrous((1, 2, 2, 2), self.output_stride, start=4)
    for i, (stride, before, dilation) in enumerate(plan):
      blocks = self._blocks(i, stride, before, dilation)
      x = Stage(blocks, name=f"layer{i + 1}")(x, train=train)
      features[f"c{i + 2}"] = x
    return features

  def _check(self):
    if len(self.stage_sizes) != 4:
      raise ValueError(
          f"a ResNet has four stages; stage_sizes is {self.stage_sizes}"
      )
    if self.multi_grid and len(self.multi_grid) != self.stage_sizes[-1]:
      raise ValueError(
          f"multi_grid {self.multi_grid} must have one rate for each of the"
          f" {self.stage_sizes[-1]} blocks of conv5_x"
      )
    if not self.bottleneck and (self.groups, self.width_per_group) != (1, 64):
      raise ValueError("groups and width_per_group need bottleneck=True")
    if not self.bottleneck and self.stride_first:
      raise ValueError("stride_first needs bottleneck=True")

  def _stem(self, image, train):
    if self.deep_stem is None:
      conv = layers.ConvNormAct(self.width, 7, 2, norm=self.norm, name="conv1")
      return conv(image, train=train)
    x = image
    for i, width in enumerate(self.deep_stem, start=1):
      stride = 2 if i == 1 else 1
      conv = layers.ConvNormAct(
          width, 3, stride, norm=self.norm, name=f"conv1_{i}"
      )
      x = conv(x, train=train)
    return x

  def _blocks(self, stage, stride, before, dilation):
    """The makers of a stage's blocks."""
    size = self.stage_sizes[stage]
    first = before if self.contract_dilation else dilation
    rates = [1] * size
    if stage == 3 and self.multi_grid:
      rates = self.multi_grid
      if self.multi_grid_replaces:
        first = dilation = 1
    if self.bottleneck:
      width = self.width * self.width_per_group * self.groups // 64
      block = functools.partial(
          Bottleneck,
          width * 2**stage,
          4 * self.width * 2**stage,
          groups=self.groups,
          stride_first=self.stride_first,
      )
    else:
      block = functools.partial(BasicBlock, self.width * 2**stage)
    block = functools.partial(block, avg_down=self.avg_down, norm=self.norm)
    blocks = []
    for i, rate in enumerate(rates):
      options = {"dilation": rate * (first if i == 0 else dilation)}
      if not self.bottleneck and self.dilate_conv2:
        options["next_dilation"] = rate * dilation
      if i == 0:
        options["stride"] = stride
      blocks.append(functools.partial(block, **options))
    return tuple(blocks)
