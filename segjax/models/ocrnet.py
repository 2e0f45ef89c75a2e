"""Object-contextual representations, Yuan et al. 2020 (arXiv:1909.11065)."""

import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.models import hrnet


class Transform(nn.Module):
  """1x1 convolution, norm, ReLU: phi, psi, delta, rho and g of Sec. 3.3.

  Attributes:
    features: channels of the result.
    size: how many there are, one after the other.
    norm: makes the normalisation layers.
  """

  features: int
  size: int = 1
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    for i in range(1, self.size + 1):
      conv = layers.ConvNormAct(
          self.features, 1, norm=self.norm, name=f"conv{i}"
      )
      x = conv(x, train=train)
    return x


def regions(
    x: Float[Array, "n h w c"], soft_regions: Float[Array, "n h w k"]
) -> Float[Array, "n k c"]:
  """Each class's mean pixel, weighted by its soft region (Sec. 3.2).

  The weights of a class are a softmax over the pixels, in float32.
  """
  n, _, _, k = soft_regions.shape
  logits = soft_regions.astype(jnp.float32).reshape(n, -1, k)
  weights = jax.nn.softmax(logits, axis=1).astype(x.dtype)
  return jnp.einsum("npk,npc->nkc", weights, x.reshape(n, -1, x.shape[-1]))


class OCR(nn.Module):
  """Object-contextual representations and their fusion (Sec. 3.2, Fig. 3).

  A pixel attends to the region of every class and is joined with what it finds.

  Attributes:
    key_features: channels of the relation and of the regions' values.
    features: channels of rho and of the result.
    key_size: convolutions in phi and in psi; the paper has one, the authors'
      code and mmsegmentation two.
    scaled: whether the relation is divided by the root of `key_features`, as
      in the authors' code and mmsegmentation.
    norm: makes the normalisation layers.
  """

  key_features: int = 256
  features: int = 512
  key_size: int = 1
  scaled: bool = False
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self,
      x: Float[Array, "n h w c"],
      soft_regions: Float[Array, "n h w k"],
      *,
      train: bool,
  ) -> Float[Array, "n h w {self.features}"]:
    transform = functools.partial(Transform, norm=self.norm)
    f = regions(x, soft_regions)[:, :, None]  # Images of k by 1 pixels.
    phi = transform(self.key_features, self.key_size, name="phi")
    psi = transform(self.key_features, self.key_size, name="psi")
    delta = transform(self.key_features, name="delta")
    keys = psi(f, train=train)[:, :, 0]
    values = delta(f, train=train)[:, :, 0]
    relation = jnp.einsum("nhwc,nkc->nhwk", phi(x, train=train), keys)
    relation = relation.astype(jnp.float32)
    if self.scaled:
      relation = relation * self.key_features**-0.5
    weights = jax.nn.softmax(relation).astype(x.dtype)
    y = jnp.einsum("nhwk,nkc->nhwc", weights, values)
    y = transform(self.features, name="rho")(y, train=train)
    g = transform(self.features, name="g")
    return g(jnp.concatenate([x, y], axis=-1), train=train)


class OCRNet(nn.Module):
  """Coarse regions, what pixels learn from them, a classifier (Fig. 3).

  On a dilated ResNet the regions come from `c4` and the pixels from `c5`; on
  HRNet both from its four branches (Sec. 3.3). `soft_regions` are the coarse
  logits, upsampled, for the auxiliary loss.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c4` and `c5`, at output stride 8, or `branch0` to
      `branch3`, at stride 4.
    features: channels of the pixels, after a 3x3 convolution, and of OCR.
    key_features: see `OCR`, as are the next two.
    region_features: channels of a convolution, norm and ReLU in front of the
      coarse classifier. None, as in the paper, for a linear one; the authors'
      code has 512 or, on HRNet, as many as there are, and mmsegmentation 256.
    region_kernel_size: of that convolution; 1 on HRNet.
    dropout_rate: before the classifiers; 0.05 in the authors' code.
    align_corners: of all upsampling; True in the authors' code, False in
      mmsegmentation.
    norm: makes the normalisation layers of the heads.
  """

  num_classes: int
  backbone: nn.Module
  features: int = 512
  key_features: int = 256
  key_size: int = 1
  scaled: bool = False
  region_features: int | None = None
  region_kernel_size: int = 3
  dropout_rate: float = 0.05
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    features = self.backbone(image, train=train)
    if "branch0" in features:
      x = hrnet.concatenate(features, align_corners=self.align_corners)
      coarse = x
    else:
      x, coarse = features["c5"], features["c4"]
    conv = functools.partial(layers.ConvNormAct, norm=self.norm)
    if self.region_features is not None:
      region = conv(
          self.region_features, self.region_kernel_size, name="region"
      )
      coarse = region(coarse, train=train)
    classifier = layers.Conv(self.num_classes, 1, name="region_classifier")
    soft_regions = classifier(coarse)
    x = conv(self.features, name="pixel")(x, train=train)
    ocr = OCR(
        self.key_features,
        self.features,
        self.key_size,
        self.scaled,
        self.norm,
        name="ocr",
    )
    x = ocr(x, soft_regions, train=train)
    x = layers.Dropout(self.dropout_rate, True, name="dropout")(x, train=train)
    logits = layers.Conv(self.num_classes, 1, name="classifier")(x)
    size = image.shape[1:3]
    return {
        k: ops.resize_bilinear(v, size, align_corners=self.align_corners)
        for k, v in (("logits", logits), ("soft_regions", soft_regions))
    }
