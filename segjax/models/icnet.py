"""Image cascade network, Zhao et al. 2018 (arXiv:1704.08545)."""

import functools

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import resnet, strides
from segjax.models import fcn, pspnet


def halve(
    x: Float[Array, "n h w c"], *, align_corners: bool
) -> Float[Array, "n h2 w2 c"]:
  """Bilinear interpolation to half the size.

  Aligned corners keep every other pixel of an odd side 2 k + 1; otherwise a
  pixel is the mean of 2x2, and the last one of an odd side is left out.
  """
  if align_corners:
    size = [(s + 1) // 2 for s in x.shape[1:3]]
    return ops.resize_bilinear(x, size, align_corners=True)
  height, width = (max(s // 2, 1) for s in x.shape[1:3])
  x = x[:, : 2 * height, : 2 * width]
  return ops.resize_bilinear(x, (height, width))


class HalvingStage(resnet.Stage):
  """A stage whose map is halved between two blocks, or after the last.

  Attributes:
    halve_after: blocks in front of that.
    align_corners: see `halve`.
  """

  halve_after: int = 1
  align_corners: bool = True

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> tuple[Float[Array, "n h2 w2 c2"], Float[Array, "n h3 w3 c2"]]:
    finer = x
    for i, block in enumerate(self.blocks, start=1):
      x = block(name=f"block{i - 1}")(x, train=train)
      if i == self.halve_after:
        finer = x
        x = halve(x, align_corners=self.align_corners)
    return finer, x


class CascadeResNet(resnet.ResNet):
  """PSPNet's ResNet-50 for two branches, which share its beginning (Sec. 3.2).

  It sees the image at half its size. Behind `halve_after` blocks of conv3_x the
  map, `c3`, is halved again: it ends the medium branch, the rest is the low
  branch, at 1/32 of the full image in the end. The names of its parts are
  those of `ResNet`, so that its weights fit.

  The attributes are `ResNet`'s, but their defaults are the authors' Caffe
  network's; the output stride counts as without the second halving, and the
  width is half of ResNet-50's, which is what their compression leaves.

  Attributes:
    halve_after: 1, conv3_1, in the authors' networks; all blocks in
      mmsegmentation.
    align_corners: see `halve`.
  """

  output_stride: int = 8
  width: int = 32
  deep_stem: tuple[int, ...] | None = (32, 32, 64)
  stride_first: bool = True
  ceil_mode: bool = True
  contract_dilation: bool = False
  halve_after: int = 1
  align_corners: bool = True

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
    for i, step in enumerate(plan):
      blocks, name = self._blocks(i, *step), f"layer{i + 1}"
      if i == 1:
        stage = HalvingStage(
            blocks, self.halve_after, self.align_corners, name=name
        )
        features["c3"], x = stage(x, train=train)
        continue
      x = resnet.Stage(blocks, name=name)(x, train=train)
      features[f"c{i + 2}"] = x
    return features

  def _check(self):
    super()._check()
    if not 1 <= self.halve_after <= self.stage_sizes[1]:
      raise ValueError(
          f"halve_after is {self.halve_after}; conv3_x has the blocks 1 to"
          f" {self.stage_sizes[1]}"
      )


class CascadeFeatureFusion(nn.Module):
  """CFF: a coarse map, upsampled, joins a finer one (Sec. 3.3, Fig. 3).

  Attributes:
    features: channels of the result.
    act: before the sum, of both maps; the paper has none, mmsegmentation ReLU.
    align_corners: of the upsampling.
    norm: makes the normalisation layers.
  """

  features: int = 128
  act: layers.Act = None
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self,
      coarse: Float[Array, "n h w c"],
      fine: Float[Array, "n h2 w2 c2"],
      *,
      train: bool,
  ) -> tuple[
      Float[Array, "n h2 w2 {self.features}"],
      Float[Array, "n h2 w2 c"],
      Float[Array, "n h2 w2 {self.features}"],
  ]:
    """The sum, the coarse map as upsampled, and its atrous convolution."""
    conv = functools.partial(
        layers.ConvNormAct, self.features, norm=self.norm, act=self.act
    )
    upsampled = ops.resize_bilinear(
        coarse, fine.shape[1:3], align_corners=self.align_corners
    )
    atrous = conv(dilation=2, name="atrous")(upsampled, train=train)
    project = conv(1, name="project")(fine, train=train)
    return nn.relu(atrous + project), upsampled, atrous


class ICNet(nn.Module):
  """Three branches, each on half the size of the one before (Fig. 2).

  The low branch is a PSPNet on a quarter of the image, the medium one its
  first layers on a half, the high one three convolutions on all of it. The
  coarser the branch, the more it has of a network.

  Cascade label guidance (Sec. 3.4): `low` and `medium` are logits from the
  coarse maps that the two fusions begin with, upsampled; the paper compares
  them and the logits with labels at 1/16, 1/8 and 1/4 of the image, here all
  are brought to the size of the image instead.

  The defaults are the authors' pruned Cityscapes network. With
  `CascadeResNet(width=64, deep_stem=(64, 64, 128))` its trunk is PSPNet50's,
  not pruned.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c3` of the medium and `c5` of the low branch.
    bins: of the pyramid pooling.
    pyramid_features: of a pyramid that is concatenated, PSPNet's, with a 3x3
      convolution behind it, as in mmsegmentation (512). None: the levels are
      added up, as in the authors' networks.
    low_features: channels of the low branch.
    medium_features: of a 1x1 convolution that ends the medium branch, as in
      mmsegmentation (256). None, as in the paper, for none.
    high_features: channels of the high branch's convolutions, each of stride 2.
    features: channels of the fusions.
    fusion_act: see `CascadeFeatureFusion`.
    head_features: of a 3x3 convolution in front of each classifier, as in
      mmsegmentation (128), which guides by the fusion's atrous convolutions
      and predicts at 1/8. None, as in the paper, for linear classifiers: on
      the upsampled maps, at last at 1/4.
    align_corners: of all resizing; True in the authors' networks, for which
      sides of 32 k + 1 pixels fit exactly, False in mmsegmentation.
    norm: makes the normalisation layers of all but the backbone.
  """

  num_classes: int
  backbone: nn.Module = CascadeResNet()
  bins: tuple[int, ...] = (1, 2, 3, 6)
  pyramid_features: int | None = None
  low_features: int = 256
  medium_features: int | None = None
  high_features: tuple[int, ...] = (32, 32, 64)
  features: int = 128
  fusion_act: layers.Act = None
  head_features: int | None = None
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    conv = functools.partial(layers.ConvNormAct, norm=self.norm)
    fuse = functools.partial(
        CascadeFeatureFusion,
        self.features,
        self.fusion_act,
        self.align_corners,
        self.norm,
    )
    high = image
    for i, features in enumerate(self.high_features, start=1):
      high = conv(features, stride=2, name=f"high{i}")(high, train=train)
    small = halve(image, align_corners=self.align_corners)
    features = self.backbone(small, train=train)
    medium = features["c3"]
    if self.medium_features is not None:
      project = conv(self.medium_features, 1, name="medium_project")
      medium = project(medium, train=train)
    low = self._pyramid(features["c5"], train)
    low = conv(self.low_features, 1, name="low_project")(low, train=train)
    x, *low = fuse(name="cff24")(low, medium, train=train)
    x, *medium = fuse(name="cff12")(x, high, train=train)
    if self.head_features is None:
      size = [2 * s for s in x.shape[1:3]]
      x = ops.resize_bilinear(x, size, align_corners=self.align_corners)
      guides = {"logits": x, "low": low[0], "medium": medium[0]}
    else:
      guides = {"logits": x, "low": low[1], "medium": medium[1]}
    size = image.shape[1:3]
    return {
        k: ops.resize_bilinear(
            self._head(v, k, train), size, align_corners=self.align_corners
        )
        for k, v in guides.items()
    }

  def _pyramid(self, x, train):
    if self.pyramid_features is not None:
      pyramid = pspnet.PyramidPooling(
          self.bins,
          self.pyramid_features,
          self.align_corners,
          norm=self.norm,
          name="pyramid",
      )
      bottleneck = layers.ConvNormAct(
          self.pyramid_features, norm=self.norm, name="bottleneck"
      )
      return bottleneck(pyramid(x, train=train), train=train)
    total = x
    for size in self.bins:
      level = ops.adaptive_avg_pool(x, size)
      total = total + ops.resize_bilinear(
          level, x.shape[1:3], align_corners=self.align_corners
      )
    return total

  def _head(self, x, name, train):
    name = "head" if name == "logits" else f"{name}_head"
    if self.head_features is None:
      return layers.Conv(self.num_classes, 1, name=name)(x)
    head = fcn.FCNHead(
        self.num_classes,
        self.head_features,
        dropout_rate=0.0,
        norm=self.norm,
        name=name,
    )
    return head(x, train=train)
