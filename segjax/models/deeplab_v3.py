"""DeepLabv3, Chen et al. 2017 (arXiv:1706.05587)."""

import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import resnet
from segjax.models import fcn


class ASPP(nn.Module):
  """Atrous spatial pyramid pooling with an image-level branch.

  Sec. 3.3 and Fig. 5. The branches are atrous convolutions, Eq. (1):
  y[i] = sum_k x[i + rate * k] w[k].

  Attributes:
    rates: one per 3x3 branch, in feature-map pixels: (6, 12, 18) at output
      stride 16, doubled at 8.
    features: channels of each branch and of the result.
    project_kernel_size: of the convolution over all branches; mmsegmentation
      has 3.
    separable: whether the 3x3 branches are depthwise separable (DeepLabv3+,
      arXiv:1802.02611, Sec. 3.1).
    image_level: whether there is the image-level branch; DeepLabv3+ is better
      without it on Cityscapes (Sec. 4.5 there).
    norm: makes the normalisation layers.
  """

  rates: tuple[int, ...] = (6, 12, 18)
  features: int = 256
  project_kernel_size: int = 1
  separable: bool = False
  image_level: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    block = functools.partial(layers.ConvNormAct, self.features, norm=self.norm)
    atrous = block
    if self.separable:
      atrous = functools.partial(
          layers.SeparableConvNormAct, self.features, norm=self.norm
      )
    branches = [block(1, name="conv1x1")(x, train=train)]
    for i, rate in enumerate(self.rates, start=1):
      branch = atrous(3, dilation=rate, name=f"atrous{i}")
      branches.append(branch(x, train=train))
    if self.image_level:
      pooled = jnp.mean(x, axis=(1, 2), keepdims=True)
      pooled = block(1, name="image_pool")(pooled, train=train)
      branches.append(jnp.broadcast_to(pooled, branches[0].shape))
    project = block(self.project_kernel_size, name="project")
    return project(jnp.concatenate(branches, axis=-1), train=train)


class DeepLabV3(nn.Module):
  """A dilated backbone, ASPP, a classifier (Fig. 5).

  The paper's backbone is `ResNet(stage_sizes=(3, 4, 23, 3), output_stride=16,
  multi_grid=(1, 2, 4), contract_dilation=False)`: conv5_x has the rates
  2 * (1, 2, 4) (Sec. 3.2).

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c5`, and `aux_level` where there is an auxiliary head.
    rates: see `ASPP`.
    features: channels of ASPP.
    project_kernel_size: see `ASPP`.
    head_convs: 3x3 convolutions between ASPP and the classifier; torchvision
      has one.
    aux_features: channels of an auxiliary head (torchvision and
      mmsegmentation, 256). None, as in the paper, for no such head.
    aux_level: the backbone's features that this head sees.
    dropout_rate: after ASPP; 0.1 in the authors' code.
    align_corners: of the upsampling; True in the authors' code, False in
      torchvision and mmsegmentation.
    norm: makes the normalisation layers of the heads.
  """

  num_classes: int
  backbone: nn.Module
  rates: tuple[int, ...] = (6, 12, 18)
  features: int = 256
  project_kernel_size: int = 1
  head_convs: int = 0
  aux_features: int | None = None
  aux_level: str = "c4"
  dropout_rate: float = 0.1
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    features = self.backbone(image, train=train)
    aspp = ASPP(
        self.rates,
        self.features,
        self.project_kernel_size,
        norm=self.norm,
        name="aspp",
    )
    x = aspp(features["c5"], train=train)
    x = layers.Dropout(self.dropout_rate, name="dropout")(x, train=train)
    for i in range(1, self.head_convs + 1):
      conv = layers.ConvNormAct(self.features, norm=self.norm, name=f"conv{i}")
      x = conv(x, train=train)
    outputs = {"logits": layers.Conv(self.num_classes, 1, name="classifier")(x)}
    if self.aux_features is not None:
      aux = fcn.FCNHead(
          self.num_classes, self.aux_features, norm=self.norm, name="aux"
      )
      outputs["aux"] = aux(features[self.aux_level], train=train)
    size = image.shape[1:3]
    return {
        k: ops.resize_bilinear(v, size, align_corners=self.align_corners)
        for k, v in outputs.items()
    }


class Cascade(nn.Module):
  """Copies of conv5_x, one after the other: blocks 5 to 7 (Sec. 3.2, Fig. 3b).

  Each would halve the map as conv4_x and conv5_x of the ResNet would; at a
  fixed output stride its rate is twice that of the one before.

  Attributes:
    rates: of each block, in feature-map pixels, before those of `multi_grid`;
      (4, 8, 16) at output stride 16, doubled at 8.
    multi_grid: one rate for each convolution of a block, by which the block's
      is multiplied.
    width: channels of the bottlenecks' 3x3 convolutions.
    norm: makes the normalisation layers.
  """

  rates: tuple[int, ...] = (4, 8, 16)
  multi_grid: tuple[int, ...] = (1, 2, 1)
  width: int = 512
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w c2"]:
    block = functools.partial(
        resnet.Bottleneck, self.width, 4 * self.width, norm=self.norm
    )
    for i, rate in enumerate(self.rates, start=5):
      units = tuple(
          functools.partial(block, dilation=rate * unit)
          for unit in self.multi_grid
      )
      x = resnet.Stage(units, name=f"block{i}")(x, train=train)
    return x


class DeepLabV3Cascade(nn.Module):
  """Going deeper with atrous convolution: blocks 5 to 7 in place of ASPP.

  Sec. 3.2 and Fig. 3b; the backbone is the one of `DeepLabV3` with
  `multi_grid=(1, 2, 1)`, the best of Table 3. The paper leaves open what
  classifies the last block; here it is one 1x1 convolution.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c5`.
    rates: see `Cascade`; as many as there are blocks beyond the fourth.
    multi_grid: see `Cascade`.
    width: see `Cascade`.
    dropout_rate: before the classifier.
    align_corners: of the upsampling; True in the authors' code for ASPP.
    norm: makes the normalisation layers of the cascade.
  """

  num_classes: int
  backbone: nn.Module
  rates: tuple[int, ...] = (4, 8, 16)
  multi_grid: tuple[int, ...] = (1, 2, 1)
  width: int = 512
  dropout_rate: float = 0.1
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    cascade = Cascade(
        self.rates, self.multi_grid, self.width, self.norm, name="cascade"
    )
    x = cascade(self.backbone(image, train=train)["c5"], train=train)
    x = layers.Dropout(self.dropout_rate, name="dropout")(x, train=train)
    x = layers.Conv(self.num_classes, 1, name="classifier")(x)
    logits = ops.resize_bilinear(
        x, image.shape[1:3], align_corners=self.align_corners
    )
    return {"logits": logits}
