"""Global convolutional network, Peng et al. 2017 (arXiv:1703.02719)."""

import functools

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import resnet
from segjax.models import fcn

UPS = ("deconv", "bilinear")


class GlobalConv(nn.Module):
  """A k x k view at the cost of 1 x k and k x 1 (Sec. 3.1, Fig. 2B).

  k x 1 then 1 x k, beside 1 x k then k x 1, summed, and no nonlinearity.

  Attributes:
    features: channels of the result; the paper has one per class.
    kernel_size: k.
  """

  features: int
  kernel_size: int = 15

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"]
  ) -> Float[Array, "n h w {self.features}"]:
    tall, wide = (self.kernel_size, 1), (1, self.kernel_size)
    conv = functools.partial(layers.Conv, self.features)
    left = conv(wide, name="left2")(conv(tall, name="left1")(x))
    right = conv(tall, name="right2")(conv(wide, name="right1")(x))
    return left + right


class BoundaryRefinement(nn.Module):
  """BR: two 3x3 convolutions beside the identity (Sec. 3.2, Fig. 2C)."""

  @nn.compact
  def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    conv = functools.partial(layers.Conv, x.shape[-1])
    return x + conv(name="conv2")(nn.relu(conv(name="conv1")(x)))


class GCN(nn.Module):
  """Score maps of four resolutions, refined and added up (Fig. 2A).

  Each level has a global convolution and a refinement; the coarser sum is
  doubled, added and refined again; two further doublings, each refined, lead
  to the image.

  Attributes:
    num_classes: channels of the logits, and of all layers of the decoder.
    backbone: gives `c2` to `c5` at strides 4 to 32. The paper has ResNet-152,
      or its own ResNet-GCN.
    kernel_size: k, odd; 15 on VOC (Table 1) and 25 on Cityscapes (Sec. 4.3),
      which span the coarsest map of a training crop; 7 in zijundeng's.
    up: "deconv" doubles a map with a transposed convolution, as the paper
      does without giving its kernel: it is 4x4 here and begins as bilinear
      interpolation (arXiv:1605.06211, Sec. 4.3); what it has beyond the finer
      map is cropped. "bilinear" is zijundeng's, with aligned corners.
  """

  num_classes: int
  backbone: nn.Module
  kernel_size: int = 15
  up: str = "deconv"

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    """Returns `logits`.

    Raises:
      ValueError: `up` is unknown or the kernel is even.
    """
    if self.up not in UPS:
      raise ValueError(f"GCN.up is {self.up!r}; there are {UPS}")
    if self.kernel_size % 2 == 0:
      raise ValueError(
          f"GCN.kernel_size is {self.kernel_size}; it must be odd to keep the"
          " size of a map"
      )
    features = self.backbone(image, train=train)
    x = None
    for i in (5, 4, 3, 2):
      level = features[f"c{i}"]
      score = GlobalConv(self.num_classes, self.kernel_size, name=f"gcn{i}")(
          level
      )
      score = BoundaryRefinement(name=f"refine{i}")(score)
      if x is not None:
        score = score + self._double(x, score.shape[1:3], f"up{i}")
        score = BoundaryRefinement(name=f"refine_sum{i}")(score)
      x = score
    image_size = image.shape[1:3]
    half_size = tuple(-(-size // 2) for size in image_size)
    for i, size in ((1, half_size), (0, image_size)):
      x = self._double(x, size, f"up{i}")
      x = BoundaryRefinement(name=f"refine_sum{i}")(x)
    return {"logits": x}

  def _double(self, x, size, name):
    if self.up == "bilinear":
      return ops.resize_bilinear(x, size, align_corners=True)
    deconv = layers.ConvTranspose(
        self.num_classes,
        4,
        2,
        1,
        use_bias=False,
        kernel_init=fcn.bilinear_kernel,
        name=name,
    )
    return deconv(x)[:, : size[0], : size[1]]


class GlobalBottleneck(nn.Module):
  """A residual block with a global convolution before its last 1x1.

  Each convolution has its norm, and a ReLU except the last, as in ResNet. A
  stride is taken along the axis of each kernel.

  Attributes:
    width: channels of the global convolution.
    features: channels of the result.
    kernel_size: k.
    stride: of the block.
    norm: makes the normalisation layers.
  """

  width: int
  features: int
  kernel_size: int
  stride: int = 1
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    shortcut = resnet.Shortcut(
        self.features, self.stride, norm=self.norm, name="shortcut"
    )(x, train=train)
    conv = functools.partial(
        layers.ConvNormAct, self.width, norm=self.norm, use_bias=False
    )
    tall = dict(kernel_size=(self.kernel_size, 1), stride=(self.stride, 1))
    wide = dict(kernel_size=(1, self.kernel_size), stride=(1, self.stride))
    left = conv(**tall, name="left1")(x, train=train)
    left = conv(**wide, name="left2")(left, train=train)
    right = conv(**wide, name="right1")(x, train=train)
    right = conv(**tall, name="right2")(right, train=train)
    last = layers.ConvNormAct(
        self.features, 1, norm=self.norm, act=None, name="conv3"
    )
    return nn.relu(last(left + right, train=train) + shortcut)


class ResNetGCN(resnet.ResNet):
  """The paper's own backbone, with `GlobalBottleneck`s in its last stages.

  A global convolution takes the place of a bottleneck's first two convolutions
  (Sec. 4.1). Which stages have it, its size and its width are chosen here, so
  that a block keeps about the parameters of the bottleneck that it replaces.

  Attributes:
    kernel_sizes: k of conv2_x to conv5_x; 0 leaves a stage as it is.
    widths: channels of the global convolutions of conv2_x to conv5_x.
  """

  kernel_sizes: tuple[int, ...] = (0, 0, 5, 7)
  widths: tuple[int, ...] = (0, 0, 85, 128)

  def _check(self):
    super()._check()
    if self.output_stride != 32 or not self.bottleneck:
      raise ValueError(
          "ResNetGCN has bottlenecks and an output_stride of 32, not"
          f" bottleneck={self.bottleneck}, {self.output_stride}"
      )

  def _blocks(self, stage, stride, before, dilation):
    if not self.kernel_sizes[stage]:
      return super()._blocks(stage, stride, before, dilation)
    block = functools.partial(
        GlobalBottleneck,
        self.widths[stage],
        4 * self.width * 2**stage,
        self.kernel_sizes[stage],
        norm=self.norm,
    )
    rest = self.stage_sizes[stage] - 1
    return (functools.partial(block, stride=stride),) + (block,) * rest
