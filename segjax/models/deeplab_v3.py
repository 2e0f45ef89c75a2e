"""DeepLabv3, Chen et al. 2017 (arXiv:1706.05587)."""

import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
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
    norm: makes the normalisation layers.
  """

  rates: tuple[int, ...] = (6, 12, 18)
  features: int = 256
  project_kernel_size: int = 1
  separable: bool = False
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
    backbone: gives `c5`, and `c4` where there is an auxiliary head.
    rates: see `ASPP`.
    features: channels of ASPP.
    project_kernel_size: see `ASPP`.
    head_convs: 3x3 convolutions between ASPP and the classifier; torchvision
      has one.
    aux_features: channels of an auxiliary head on `c4` (torchvision and
      mmsegmentation, 256). None, as in the paper, for no such head.
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
      outputs["aux"] = aux(features["c4"], train=train)
    size = image.shape[1:3]
    return {
        k: ops.resize_bilinear(v, size, align_corners=self.align_corners)
        for k, v in outputs.items()
    }
