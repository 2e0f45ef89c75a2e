"""Convolution layers and the blocks that every paper builds from them."""

from collections.abc import Callable

from flax import linen as nn
import jax
from jaxtyping import Array, Float

from segjax import ops
from segjax.layers import norm as norms
from segjax.ops.conv import Pair, pair

Act = Callable[[jax.Array], jax.Array] | None

he_normal = nn.initializers.he_normal()


def same_padding(kernel_size: Pair, dilation: Pair) -> tuple[int, int]:
  """The symmetric padding that keeps the size of a map at stride 1."""
  return tuple(
      d * (k - 1) // 2 for k, d in zip(pair(kernel_size), pair(dilation))
  )


class Conv(nn.Module):
  """Convolution with symmetric padding (`ops.conv`), as PyTorch's Conv2d.

  Attributes:
    features: channels of the result.
    kernel_size: an int, or (height, width), as are the next three.
    stride: of the result's positions.
    dilation: the rate of an atrous convolution.
    padding: zeros on both sides of an axis; None keeps the size at stride 1.
    groups: of channels; as many as inputs is a depthwise convolution.
    use_bias: whether a bias is added.
    kernel_init: initializer of the kernel.
  """

  features: int
  kernel_size: Pair = 3
  stride: Pair = 1
  dilation: Pair = 1
  padding: Pair | None = None
  groups: int = 1
  use_bias: bool = True
  kernel_init: Callable[..., jax.Array] = he_normal

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"]
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    shape = (
        *pair(self.kernel_size),
        x.shape[-1] // self.groups,
        self.features,
    )
    kernel = self.param("kernel", self.kernel_init, shape)
    padding = self.padding
    if padding is None:
      padding = same_padding(self.kernel_size, self.dilation)
    y = ops.conv(
        x,
        kernel.astype(x.dtype),
        stride=self.stride,
        padding=padding,
        dilation=self.dilation,
        groups=self.groups,
    )
    if self.use_bias:
      bias = self.param("bias", nn.initializers.zeros, (self.features,))
      y = y + bias.astype(x.dtype)
    return y


class ConvTranspose(nn.Module):
  """Transposed convolution (`ops.conv_transpose`), as PyTorch's.

  Attributes:
    features: channels of the result.
    kernel_size: an int, or (height, width), as are the next three.
    stride: the factor by which the map grows.
    padding: rows and columns cut from each side of the result.
    output_padding: rows and columns added after the last.
    groups: of channels.
    use_bias: whether a bias is added.
    kernel_init: initializer of the kernel.
  """

  features: int
  kernel_size: Pair
  stride: Pair = 1
  padding: Pair = 0
  output_padding: Pair = 0
  groups: int = 1
  use_bias: bool = True
  kernel_init: Callable[..., jax.Array] = he_normal

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"]
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    shape = (
        *pair(self.kernel_size),
        x.shape[-1] // self.groups,
        self.features,
    )
    kernel = self.param("kernel", self.kernel_init, shape)
    y = ops.conv_transpose(
        x,
        kernel.astype(x.dtype),
        stride=self.stride,
        padding=self.padding,
        output_padding=self.output_padding,
        groups=self.groups,
    )
    if self.use_bias:
      bias = self.param("bias", nn.initializers.zeros, (self.features,))
      y = y + bias.astype(x.dtype)
    return y


class ConvNormAct(nn.Module):
  """Convolution, normalisation, activation.

  Attributes:
    features: channels of the result; the next five are those of `Conv`.
    use_bias: of the convolution; a normalisation has its own.
    norm: makes the normalisation layer.
    act: activation, or None for none.
  """

  features: int
  kernel_size: Pair = 3
  stride: Pair = 1
  dilation: Pair = 1
  padding: Pair | None = None
  groups: int = 1
  use_bias: bool = False
  norm: norms.ModuleDef = norms.BatchNorm
  act: Act = nn.relu

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    x = Conv(
        self.features,
        self.kernel_size,
        self.stride,
        self.dilation,
        self.padding,
        self.groups,
        self.use_bias,
        name="conv",
    )(x)
    x = self.norm(name="norm")(x, train=train)
    return x if self.act is None else self.act(x)


class SeparableConvNormAct(nn.Module):
  """Depthwise, then pointwise convolution, each with norm and activation.

  The atrous separable convolution of DeepLabv3+ (arXiv:1802.02611, Sec. 3.1).

  Attributes:
    features: channels of the result.
    kernel_size: of the depthwise convolution, as are stride and dilation.
    stride: of the result's positions.
    dilation: the rate.
    norm: makes the normalisation layers.
    act: after the pointwise convolution.
    depthwise_act: after the depthwise convolution.
  """

  features: int
  kernel_size: Pair = 3
  stride: Pair = 1
  dilation: Pair = 1
  norm: norms.ModuleDef = norms.BatchNorm
  act: Act = nn.relu
  depthwise_act: Act = nn.relu

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    channels = x.shape[-1]
    x = ConvNormAct(
        channels,
        self.kernel_size,
        self.stride,
        self.dilation,
        groups=channels,
        norm=self.norm,
        act=self.depthwise_act,
        name="depthwise",
    )(x, train=train)
    return ConvNormAct(
        self.features, 1, norm=self.norm, act=self.act, name="pointwise"
    )(x, train=train)


class Dropout(nn.Module):
  """Dropout of single elements, or of whole channels (rng "dropout").

  Attributes:
    rate: share that is set to zero in training.
    channels: whether all of a channel's pixels fall together.
  """

  rate: float
  channels: bool = False

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w c"]:
    axes = (1, 2) if self.channels else ()
    drop = nn.Dropout(self.rate, broadcast_dims=axes, name="dropout")
    return drop(x, deterministic=not train)
