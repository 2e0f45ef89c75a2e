"""SegNet and SegNet-Basic (Badrinarayanan et al. 2017, arXiv:1511.00561)."""

import functools

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import vgg


class SegNet(nn.Module):
  """VGG-16's encoder, and a decoder that unpools where it pooled (Sec. 3).

  Pools keep the remainder of an odd size, as Caffe's do, and every map is
  unpooled to the size that it had before: so every size of image works. Biases
  and normalisation are in every layer, as in the authors' Caffe net.

  Attributes:
    num_classes: channels of the logits.
    dropout_rate: "at the end of deeper convolutional layers" (Sec. 4), which
      the paper does not count: here of what the deepest three decoders unpool.
    norm: makes the decoder's normalisation layers.
    backbone: gives the pools `c1` to `c5`, their `switches1` to `switches5`,
      and `stage_sizes`.
  """

  num_classes: int
  dropout_rate: float = 0.5
  norm: layers.ModuleDef = layers.BatchNorm
  backbone: nn.Module = vgg.VGG(
      ceil_mode=True, norm=layers.BatchNorm, switches=True
  )

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    pools = self.backbone(image, train=train)
    maps = [image, *(pools[f"c{i}"] for i in range(1, 6))]
    conv = functools.partial(layers.ConvNormAct, use_bias=True, norm=self.norm)
    x = maps[5]
    for i in range(5, 0, -1):
      size = maps[i - 1].shape[1:3]
      if i >= 3:
        drop = layers.Dropout(self.dropout_rate, name=f"dropout{i}")
        x = drop(x, train=train)
      x = ops.max_unpool(x, pools[f"switches{i}"], size, window=2)
      # Convolutions in the encoder's order, from the last to the first; the
      # first narrows the map for the next decoder.
      for j in range(self.backbone.stage_sizes[i - 1], 1, -1):
        x = conv(maps[i].shape[-1], name=f"decode{i}_{j}")(x, train=train)
      if i > 1:
        x = conv(maps[i - 1].shape[-1], name=f"decode{i}_1")(x, train=train)
    return {"logits": layers.Conv(self.num_classes, 3, name="classifier")(x)}


class SegNetBasic(nn.Module):
  """SegNet-Basic (Sec. 3.1): four encoders, four decoders, 7x7 kernels.

  No biases, no ReLU in the decoder, and a context of 106x106 pixels. The image has local response normalisation
  in the place of the paper's local contrast normalisation, as in the authors'
  Caffe net, for images of 0 to 255 in BGR order (`ops.normalize`, "bgr").

  Attributes:
    num_classes: channels of the logits.
    features: channels of every convolution.
    kernel_size: of every convolution but the classifier.
    depth: encoders, and decoders.
    use_bias: of the convolutions; the Caffe net has biases.
    single_channel_decoder: decoders convolve each channel by itself, the
      variant SegNet-Basic-SingleChannelDecoder of Table 1.
    encoder_addition: decoders add the encoder's maps to their own, the variant
      SegNet-Basic-EncoderAddition of Table 1.
    norm: makes the normalisation layers.
  """

  num_classes: int
  features: int = 64
  kernel_size: int = 7
  depth: int = 4
  use_bias: bool = False
  single_channel_decoder: bool = False
  encoder_addition: bool = False
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    conv = functools.partial(
        layers.ConvNormAct,
        self.features,
        self.kernel_size,
        use_bias=self.use_bias,
        norm=self.norm,
    )
    x = ops.local_response_norm(image)
    stack = []
    for i in range(1, self.depth + 1):
      encoded = conv(name=f"encode{i}")(x, train=train)
      x, switches = ops.max_pool_with_indices(encoded, 2, ceil_mode=True)
      stack.append((encoded, switches))
    groups = self.features if self.single_channel_decoder else 1
    for i in range(self.depth, 0, -1):
      encoded, switches = stack.pop()
      x = ops.max_unpool(x, switches, encoded.shape[1:3], window=2)
      x = conv(groups=groups, act=None, name=f"decode{i}")(x, train=train)
      if self.encoder_addition:
        x = x + encoded
    return {"logits": layers.Conv(self.num_classes, 1, name="classifier")(x)}
