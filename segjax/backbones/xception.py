"""Xception, and the Aligned Xception of DeepLabv3+.

Chollet 2017 (arXiv:1610.02357); Chen et al. 2018 (arXiv:1802.02611).
"""

import functools

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers
from segjax.backbones import strides

ENTRY = ((128, 2), (256, 2), (728, 2))
ENTRY_71 = ((128, 2), (256, 1), (256, 2), (728, 1), (728, 2))
SIZES = {41: (ENTRY, 8), 65: (ENTRY, 16), 71: (ENTRY_71, 16)}
"""Depth -> (channels, stride) of the entry flow, modules of the middle flow.

65 is Fig. 4 of DeepLabv3+; 41 and 71 are the authors' code's.
"""

EXIT = ((728, 1024, 1024), (1536, 1536, 2048))
"""Channels of the two modules of the exit flow."""

BatchNorm = functools.partial(layers.BatchNorm, epsilon=1e-3)
"""Of the aligned networks in the authors' code."""


class AlignedModule(nn.Module):
  """Three separable convolutions and a shortcut (DeepLabv3+, Fig. 4).

  It gives its result, and that of its second convolution.

  Attributes:
    features: channels of the three.
    stride: of the last; depthwise, where the original takes a max pool.
    dilation: of all depthwise convolutions.
    project: whether the shortcut is a convolution, as it is wherever the module
      changes the size, also if its stride became a dilation, or the channels.
    exit: the network's last module: no shortcut, and activations behind every
      convolution instead of one in front of each separable one.
    norm: makes the normalisation layers.
  """

  features: tuple[int, int, int]
  stride: int = 1
  dilation: int = 1
  project: bool = False
  exit: bool = False
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> tuple[Float[Array, "n h2 w2 c2"], Float[Array, "n h w c3"]]:
    act = nn.relu if self.exit else None
    y, second = x, None
    for i, features in enumerate(self.features, start=1):
      separable = layers.SeparableConvNormAct(
          features,
          stride=self.stride if i == 3 else 1,
          dilation=self.dilation,
          norm=self.norm,
          act=act,
          depthwise_act=act,
          name=f"conv{i}",
      )
      y = separable(y if self.exit else nn.relu(y), train=train)
      second = y if i == 2 else second
    if self.exit:
      return y, second
    if self.project:
      project = layers.ConvNormAct(
          y.shape[-1],
          1,
          self.stride,
          norm=self.norm,
          act=None,
          name="shortcut",
      )
      x = project(x, train=train)
    return x + y, second


class AlignedXception(nn.Module):
  """Aligned Xception as a feature pyramid (DeepLabv3+, Sec. 3.2, Fig. 4).

  The defaults are Xception-65 at its ImageNet stride. `c1` is the stem, `c2`
  and `c3` are the entry flow where it has strides 4 and 8 (128 and 256 channels
  in Xception-65), `c4` is the middle flow, `c5` the exit flow. `low_level`, of
  stride 4, is what the authors' code gives to the decoder of DeepLabv3+: the
  second convolution, before its activation, of the module behind `c2`.

  Attributes:
    entry: (channels, stride) of the entry flow's modules; see `SIZES`.
    middle: modules of the middle flow.
    output_stride: 4, 8, 16 or 32, else ValueError. Below 32 the last strides
      become dilations; the weights stay the same.
    width: channels of the first convolution; all others are in proportion.
    norm: makes the normalisation layers.
  """

  entry: tuple[tuple[int, int], ...] = ENTRY
  middle: int = 16
  output_stride: int = 32
  width: int = 32
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    conv = functools.partial(layers.ConvNormAct, norm=self.norm)
    x = conv(self.width, stride=2, name="conv1")(image, train=train)
    x = conv(2 * self.width, name="conv2")(x, train=train)
    features, level = {}, 1
    modules = self._modules()
    plan = strides.atrous(
        [stride for _, _, stride in modules], self.output_stride, start=2
    )
    for (name, widths, nominal), (stride, dilation, _) in zip(modules, plan):
      if nominal > 1:
        features[f"c{level}"] = x
        level += 1
      module = AlignedModule(
          widths,
          stride,
          dilation,
          project=nominal > 1 or widths[-1] != x.shape[-1],
          exit=name == "exit2",
          norm=self.norm,
          name=name,
      )
      x, second = module(x, train=train)
      if "c2" in features and "low_level" not in features:
        features["low_level"] = second
    return {**features, "c5": x}

  def _modules(self):
    """(name, channels, stride) of each module."""
    modules = []
    for i, (width, stride) in enumerate(self.entry, start=1):
      modules.append((f"entry{i}", (width,) * 3, stride))
    for i in range(1, self.middle + 1):
      modules.append((f"middle{i}", (width,) * 3, 1))
    for i, (widths, stride) in enumerate(zip(EXIT, (2, 1)), start=1):
      modules.append((f"exit{i}", widths, stride))
    return [
        (name, tuple(width * self.width // 32 for width in widths), stride)
        for name, widths, stride in modules
    ]


class SeparableConv(nn.Module):
  """Depthwise, then pointwise convolution, one norm (Chollet, Sec. 2).

  Attributes:
    features: channels of the result.
    norm: makes the normalisation layer.
  """

  features: int
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    width = x.shape[-1]
    x = layers.Conv(width, groups=width, use_bias=False, name="depthwise")(x)
    x = layers.Conv(self.features, 1, use_bias=False, name="pointwise")(x)
    return self.norm(name="norm")(x, train=train)


class Module(nn.Module):
  """Separable convolutions and a shortcut (Chollet, Fig. 5).

  Attributes:
    features: channels of the convolutions.
    stride: of the max pool behind them; 1 is none.
    first_act: whether an activation precedes the first, as it does the others.
    norm: makes the normalisation layers.
  """

  features: tuple[int, ...]
  stride: int = 1
  first_act: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 c2"]:
    y = x
    for i, features in enumerate(self.features, start=1):
      y = nn.relu(y) if i > 1 or self.first_act else y
      conv = SeparableConv(features, self.norm, name=f"conv{i}")
      y = conv(y, train=train)
    if self.stride == 1:
      return x + y
    project = layers.ConvNormAct(
        y.shape[-1], 1, self.stride, norm=self.norm, act=None, name="shortcut"
    )
    y = layers.max_pool(y, 3, self.stride, padding=1)
    return project(x, train=train) + y


class Xception(nn.Module):
  """The original Xception as a feature pyramid (Chollet, Fig. 5).

  `c1` is the stem, whose two convolutions are not padded; `c2` and `c3` are
  the modules of 128 and 256 channels, `c4` is the middle flow and `c5` the last
  convolution, before its activation. It does not dilate: its strides are those
  of max pools. `AlignedXception` does.

  Attributes:
    middle: modules of the middle flow.
    norm: makes the normalisation layers.
  """

  middle: int = 8
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    conv = functools.partial(layers.ConvNormAct, padding=0, norm=self.norm)
    x = conv(32, stride=2, name="conv1")(image, train=train)
    x = conv(64, name="conv2")(x, train=train)
    modules = {1: ((128, 128), 2), 2: ((256, 256), 2), 3: ((728, 728), 2)}
    for i in range(4, self.middle + 4):
      modules[i] = (728, 728, 728), 1
    modules[self.middle + 4] = (728, 1024), 2
    features, level = {}, 1
    for i, (channels, stride) in modules.items():
      module = Module(channels, stride, i > 1, self.norm, name=f"block{i}")
      if stride > 1:
        features[f"c{level}"] = x
        level += 1
      x = module(x, train=train)
    x = nn.relu(SeparableConv(1536, self.norm, name="conv3")(x, train=train))
    last = SeparableConv(2048, self.norm, name="conv4")
    return {**features, "c5": last(x, train=train)}
