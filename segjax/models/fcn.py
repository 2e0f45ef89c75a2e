"""Fully convolutional networks, Long, Shelhamer and Darrell 2015.

arXiv:1411.4038; sections and figures are of the journal version, Shelhamer et
al. 2017 (arXiv:1605.06211). `DilatedFCN` is the later form without a decoder.
"""

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np

from segjax import layers, ops
from segjax.backbones import vgg


def bilinear_kernel(rng, shape, dtype=jnp.float32) -> Float[Array, "k k c c"]:
  """Initialises a deconvolution as bilinear interpolation (Sec. 4.3).

  Class i of the result is interpolated from class i alone: a stride of half
  the kernel's size gives the upsampling by that factor.
  """
  del rng
  size, _, inputs, outputs = shape
  factor = (size + 1) // 2
  centre = factor - 1 if size % 2 else factor - 0.5
  line = 1 - np.abs(np.arange(size) - centre) / factor
  kernel = np.outer(line, line)[:, :, None, None] * np.eye(inputs, outputs)
  return jnp.asarray(kernel, dtype)


class FCN(nn.Module):
  """FCN-32s, FCN-16s and FCN-8s (Fig. 3), as the authors' Caffe nets.

  The image is padded by 100, nothing else is; each sum and the result are
  cropped to the pixels of the image, so that every size of image works.

  Attributes:
    num_classes: channels of the logits.
    stride: 32, 16 or 8: of the finest layer that predicts, else ValueError.
    scales: factors on pool4 and pool3 before they predict. (0.01, 0.0001)
      lets all of FCN-8s train at once (Sec. 4.3); staged training needs none.
    dropout_rate: after fc6 and fc7.
    features: channels of fc6 and fc7.
    backbone: gives the pools `c3`, `c4` and `c5`, with the padding of 100.
  """

  num_classes: int
  stride: int = 8
  scales: tuple[float, float] = (1.0, 1.0)
  dropout_rate: float = 0.5
  features: int = 4096
  backbone: nn.Module = vgg.VGG(first_padding=100, ceil_mode=True)

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    if self.stride not in (8, 16, 32):
      raise ValueError(f"stride is {self.stride}; possible are 8, 16 and 32")
    pools = self.backbone(image, train=train)
    x = pools["c5"]
    for name, kernel_size in (("fc6", 7), ("fc7", 1)):
      x = layers.Conv(self.features, kernel_size, padding=0, name=name)(x)
      x = layers.Dropout(self.dropout_rate, name=f"{name}_dropout")(
          nn.relu(x), train=train
      )
    x = self._score(x, "score_fr")
    if self.stride <= 16:
      x = self._upsample(x, 2, "upscore2")
      x = self._fuse(x, pools["c4"] * self.scales[0], 5, "score_pool4")
    if self.stride <= 8:
      x = self._upsample(x, 2, "upscore_pool4")
      x = self._fuse(x, pools["c3"] * self.scales[1], 9, "score_pool3")
    x = self._upsample(x, self.stride, "upscore")
    # Offsets of the padded network's fields of view, from the authors' nets.
    offset = {32: 19, 16: 27, 8: 31}[self.stride]
    return {"logits": _crop(x, image.shape, offset)}

  def _score(self, x, name):
    init = nn.initializers.zeros
    score = layers.Conv(self.num_classes, 1, kernel_init=init, name=name)
    return score(x)

  def _upsample(self, x, factor, name):
    deconvolution = layers.ConvTranspose(
        self.num_classes,
        2 * factor,
        factor,
        use_bias=False,
        kernel_init=bilinear_kernel,
        name=name,
    )
    return deconvolution(x)

  def _fuse(self, x, pool, offset, name):
    return x + _crop(self._score(pool, name), x.shape, offset)


def _crop(x, shape, offset):
  """The `shape` (n, h, w, c) of x that begins `offset` pixels from its corner."""
  _, height, width, _ = shape
  return x[:, offset : offset + height, offset : offset + width]


class FCNHead(nn.Module):
  """3x3 convolutions and a classifier on one feature map.

  The auxiliary head of PSPNet (arXiv:1612.01105, Sec. 3.3) and the whole
  decoder of `DilatedFCN`.

  Attributes:
    num_classes: channels of the result.
    features: channels of the convolutions.
    convs: how many there are.
    concat_input: whether a further convolution sees the input again
      (mmsegmentation).
    dropout_rate: before the classifier.
    norm: makes the normalisation layers.
  """

  num_classes: int
  features: int = 256
  convs: int = 1
  concat_input: bool = False
  dropout_rate: float = 0.1
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.num_classes}"]:
    y = x
    for i in range(1, self.convs + 1):
      conv = layers.ConvNormAct(self.features, norm=self.norm, name=f"conv{i}")
      y = conv(y, train=train)
    if self.concat_input:
      y = jnp.concatenate([x, y], axis=-1)
      conv = layers.ConvNormAct(self.features, norm=self.norm, name="conv_cat")
      y = conv(y, train=train)
    y = layers.Dropout(self.dropout_rate, name="dropout")(y, train=train)
    return layers.Conv(self.num_classes, 1, name="classifier")(y)


class DilatedFCN(nn.Module):
  """A backbone of output stride 8, a convolution, a classifier.

  What FCN came to mean after DeepLab: dense features instead of skips, and
  bilinear upsampling. The defaults are torchvision's `fcn_resnet50`.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c4` and `c5`, at output stride 8.
    features: channels of the head on `c5`.
    convs: 3x3 convolutions in that head; mmsegmentation has 2.
    concat_input: see `FCNHead`; mmsegmentation has it.
    aux_features: channels of the head on `c4`.
    dropout_rate: before each classifier.
    norm: makes the normalisation layers of the heads.
  """

  num_classes: int
  backbone: nn.Module
  features: int = 512
  convs: int = 1
  concat_input: bool = False
  aux_features: int = 256
  dropout_rate: float = 0.1
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    features = self.backbone(image, train=train)
    head = FCNHead(
        self.num_classes,
        self.features,
        self.convs,
        self.concat_input,
        self.dropout_rate,
        self.norm,
        name="head",
    )
    aux = FCNHead(
        self.num_classes,
        self.aux_features,
        dropout_rate=self.dropout_rate,
        norm=self.norm,
        name="aux",
    )
    outputs = {
        "logits": head(features["c5"], train=train),
        "aux": aux(features["c4"], train=train),
    }
    size = image.shape[1:3]
    return {k: ops.resize_bilinear(v, size) for k, v in outputs.items()}
