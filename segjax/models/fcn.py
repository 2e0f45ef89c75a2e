"""Fully convolutional networks, Long, Shelhamer and Darrell 2015.

arXiv:1411.4038; sections and figures are of the journal version, Shelhamer et
al. 2017 (arXiv:1605.06211). `DilatedFCN` is the later form without a decoder.
"""

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np

from segjax import layers, ops
from segjax.backbones import alexnet, googlenet, vgg


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

  The default is FCN-8s on VGG-16. The image is padded by 100, nothing else is;
  each sum and the result are cropped to the pixels of the image, so that every
  size of image works. Where the crops begin follows from `origins`: as far as
  one layer's first cell lies behind the other's.

  Attributes:
    num_classes: channels of the logits.
    stride: 32, 16 or 8: of the finest layer that predicts, else ValueError.
    scales: factors on pool4 and pool3 before they predict. (0.01, 0.0001)
      lets all of FCN-8s train at once (Sec. 4.3); staged training needs none.
    dropout_rate: after fc6 and fc7, or before the classifier without them.
    features: channels of fc6 and fc7.
    head_size: the kernel size of fc6, of which fc7 is a 1x1 convolution; 0 has
      neither.
    origins: pixel of the image in the centre of the first cell of the skips and
      of `c5`, which have strides 8, 16 and 32. It counts padding.
    skips: the backbone's features of strides 8 and 16.
    padding: zeros around the image, on top of those of the backbone.
    upscore_bias: whether the first deconvolution before a sum has a bias, as
      in CRF-RNN's FCN-8s.
    backbone: gives the pools `c5` and `skips`, with the padding of 100.
  """

  num_classes: int
  stride: int = 8
  scales: tuple[float, float] = (1.0, 1.0)
  dropout_rate: float = 0.5
  features: int = 4096
  head_size: int = 7
  origins: tuple[float, float, float] = (-95.5, -91.5, -83.5)
  skips: tuple[str, str] = ("c3", "c4")
  padding: int = 0
  upscore_bias: bool = False
  backbone: nn.Module = vgg.VGG(first_padding=100, ceil_mode=True)

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    if self.stride not in (8, 16, 32):
      raise ValueError(f"stride is {self.stride}; possible are 8, 16 and 32")
    margin = (self.padding, self.padding)
    padded = jnp.pad(image, ((0, 0), margin, margin, (0, 0)))
    pools = self.backbone(padded, train=train)
    x, origin = pools["c5"], self.origins[2]
    if self.head_size:
      for name, kernel_size in (("fc6", self.head_size), ("fc7", 1)):
        x = layers.Conv(self.features, kernel_size, padding=0, name=name)(x)
        x = self._dropout(nn.relu(x), f"{name}_dropout", train)
      origin += (self.head_size - 1) / 2 * 32
    else:
      x = self._dropout(x, "dropout", train)
    x = self._score(x, "score_fr")
    if self.stride <= 16:
      x, origin = self._upsample(x, origin, 2, 16, "upscore2")
      pool = pools[self.skips[1]] * self.scales[0]
      crop = (origin - self.origins[1]) / 16
      x = _add(x, self._score(pool, "score_pool4"), crop)
    if self.stride <= 8:
      x, origin = self._upsample(x, origin, 2, 8, "upscore_pool4")
      pool = pools[self.skips[0]] * self.scales[1]
      crop = (origin - self.origins[0]) / 8
      x = _add(x, self._score(pool, "score_pool3"), crop)
    # Another name for each stride, so that one stage can start from the last.
    name = "upscore" + {32: "", 16: "16", 8: "8"}[self.stride]
    x, origin = self._upsample(x, origin, self.stride, 1, name)
    return {"logits": _crop(x, image.shape, -origin)}

  def _dropout(self, x, name, train):
    return layers.Dropout(self.dropout_rate, name=name)(x, train=train)

  def _score(self, x, name):
    init = nn.initializers.zeros
    score = layers.Conv(self.num_classes, 1, kernel_init=init, name=name)
    return score(x)

  def _upsample(self, x, origin, factor, stride, name):
    """The map `factor` times finer, and its origin at its new stride.

    The kernel is as large as two cells, or one less where the cells' centres
    are on pixels (FCN-AlexNet): so the results' centres are on pixels.
    """
    kernel_size = 2 * factor - (origin == round(origin))
    deconvolution = layers.ConvTranspose(
        self.num_classes,
        kernel_size,
        factor,
        use_bias=self.upscore_bias and name == "upscore2",
        kernel_init=bilinear_kernel,
        name=name,
    )
    return deconvolution(x), origin - (kernel_size - 1) / 2 * stride


class FCNAlexNet(FCN):
  """FCN-AlexNet (Table 1): FCN-32s on the CaffeNet form of AlexNet.

  The finer strides are ours, and follow those of VGG-16: the paper has them for
  VGG-16 alone. They take the first two pools.
  """

  stride: int = 32
  head_size: int = 6
  origins: tuple[float, float, float] = (-91.0, -83.0, -67.0)
  skips: tuple[str, str] = ("pool1", "pool2")
  backbone: nn.Module = alexnet.AlexNet(
      convs=alexnet.TWO_TOWERS,
      first_padding=100,
      ceil_mode=True,
      lrn="after_pool",
  )


class FCNGoogLeNet(FCN):
  """FCN-GoogLeNet (Table 1): FCN-32s without the final average pooling.

  Table 1's receptive field of 907 pixels still counts that pooling; it is 715
  without. The authors' weights and net were never published. Open in the paper,
  and chosen here: the padding of 100 as in the other two, dropout of 0.4 before
  the classifier as in GoogLeNet (arXiv:1409.4842, Sec. 6), and the finer
  strides, which take inception 3b and 4e.
  """

  stride: int = 32
  dropout_rate: float = 0.4
  head_size: int = 0
  origins: tuple[float, float, float] = (-91.0, -83.0, -67.0)
  padding: int = 97
  backbone: nn.Module = googlenet.GoogLeNet(**googlenet.PAPER)


def _crop(x, shape, offset):
  """The `shape` (n, h, w, c) of x that begins `offset` pixels from its corner."""
  _, height, width, _ = shape
  offset = int(offset)
  return x[:, offset : offset + height, offset : offset + width]


def _add(x, pool, offset):
  """The sum of x and of `pool` from `offset` on, where both have cells."""
  pool = _crop(pool, x.shape, offset)
  return _crop(x, pool.shape, 0) + pool


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
