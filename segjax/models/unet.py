"""U-Net (Ronneberger, Fischer and Brox 2015, arXiv:1505.04597).

Figure 1: a contracting path of 3x3 convolutions and 2x2 max pooling, an
expanding path of 2x2 up-convolutions, and copies of the maps across.
"""

from collections.abc import Callable

from flax import linen as nn
from jax import lax
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops

PADDINGS = ("mirror", "valid", "same")
UPS = ("conv", "bilinear", "bilinear_conv")


class DoubleConv(nn.Module):
  """Two 3x3 convolutions, each followed by a ReLU (Sec. 2).

  Attributes:
    features: channels of the first and of the second.
    padding: 0 loses two pixels at each border, 1 loses none.
    norm: between convolution and ReLU; the paper has none.
  """

  features: tuple[int, int]
  padding: int
  norm: layers.ModuleDef

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features[1]}"]:
    for i, features in enumerate(self.features, start=1):
      x = layers.ConvNormAct(
          features,
          3,
          padding=self.padding,
          use_bias=self.norm is layers.Identity,
          norm=self.norm,
          name=f"conv{i}",
      )(x, train=train)
    return x


class Up(nn.Module):
  """Doubles a map's sides: the "up-conv 2x2" of Figure 1, or its stand-ins.

  Attributes:
    features: channels of the result, where it has a convolution.
    up: as `UNet.up`.
    norm: of `bilinear_conv`.
  """

  features: int
  up: str
  norm: layers.ModuleDef

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n 2*h 2*w d"]:
    if self.up == "conv":
      return layers.ConvTranspose(self.features, 2, 2, name="conv")(x)
    size = (2 * x.shape[1], 2 * x.shape[2])
    if self.up == "bilinear":
      return ops.resize_bilinear(x, size, align_corners=True)
    x = ops.resize_bilinear(x, size)
    block = layers.ConvNormAct(self.features, 1, norm=self.norm, name="block")
    return block(x, train=train)


class UNet(nn.Module):
  """U-Net of Figure 1, for images of any size and any number of channels.

  Attributes:
    num_classes: channels of the logits.
    features: of the levels, from the image down. Their number is the depth.
    padding: "mirror" is the paper's overlap-tile strategy for a whole image
      (Fig. 2): unpadded convolutions on an image continued by reflection, and
      logits for every pixel of it. "valid" leaves the reflection to the
      caller: the sides must be 2**depth / 2 * k + 12 at depth 5 and the logits
      are 184 pixels smaller. "same" pads every convolution with zeros.
    up: "conv" is the paper's 2x2 up-convolution; "bilinear" the interpolation
      of milesial/Pytorch-UNet (corners aligned, and every decoder block
      narrows the map for the next one); "bilinear_conv" that of
      mmsegmentation (a 1x1 convolution after it).
    fcn_head: mmsegmentation's heads: a 3x3 convolution before the classifier,
      and a second such head, `aux`, on the last map but one.
    dropout_rate: at the end of the contracting path (Sec. 3.1); the rate, and
      that it stands after the last two levels, are the authors' Caffe net's.
    norm: between convolutions and ReLUs; the paper has none.
  """

  num_classes: int
  features: tuple[int, ...] = (64, 128, 256, 512, 1024)
  padding: str = "mirror"
  up: str = "conv"
  fcn_head: bool = False
  dropout_rate: float = 0.5
  norm: layers.ModuleDef = layers.Identity

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w c"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ {self.num_classes}"]]:
    """Returns `logits`, and `aux` with `fcn_head`.

    Raises:
      ValueError: `padding` or `up` is unknown, or the image does not fit the
        unpadded network.
    """
    for name, value, known in (
        ("padding", self.padding, PADDINGS),
        ("up", self.up, UPS),
    ):
      if value not in known:
        raise ValueError(f"UNet.{name} is {value!r}; there are {known}")
    size = image.shape[1:3]
    depth = len(self.features)
    x = self._pad(image, depth)
    convs = dict(padding=int(self.padding == "same"), norm=self.norm)
    skips = []
    for i, features in enumerate(self.features, start=1):
      x = ops.max_pool(x, 2) if i > 1 else x
      x = DoubleConv((features, features), **convs, name=f"down{i}")(
          x, train=train
      )
      if i >= depth - 1:
        x = layers.Dropout(self.dropout_rate, name=f"dropout{i}")(
            x, train=train
        )
      skips.append(x)
    maps = [skips.pop()]
    for i in range(depth - 1, 0, -1):
      features = self.features[i - 1]
      x = Up(features, self.up, self.norm, name=f"up{i}")(maps[-1], train=train)
      x = jnp.concatenate(_match(skips.pop(), x, self.padding == "same"), -1)
      widths = (features, features)
      if self.up == "bilinear":
        widths = (x.shape[-1] // 2, self.features[max(i - 2, 0)])
      maps.append(DoubleConv(widths, **convs, name=f"merge{i}")(x, train=train))
    outputs = {"logits": self._head(maps[-1], "head", train)}
    if self.fcn_head:
      outputs["aux"] = ops.resize_bilinear(
          self._head(maps[-2], "aux_head", train), maps[-1].shape[1:3]
      )
    if self.padding == "valid":
      return outputs
    return {k: v[:, : size[0], : size[1]] for k, v in outputs.items()}

  def _head(self, x, name, train):
    if self.fcn_head:
      width = self.features[0]
      block = layers.ConvNormAct(width, norm=self.norm, name=f"{name}_conv")
      x = block(x, train=train)
      x = layers.Dropout(0.1, True, name=f"{name}_dropout")(x, train=train)
    return layers.Conv(self.num_classes, 1, name=name)(x)

  def _pad(self, image, depth):
    if self.padding == "same":
      pads = [(0, max(0, 2 ** (depth - 1) - s)) for s in image.shape[1:3]]
      return jnp.pad(image, ((0, 0), *pads, (0, 0)))
    pads = []
    for size in image.shape[1:3]:
      tile, output = valid_tile(size if self.padding == "mirror" else 1, depth)
      while self.padding == "valid" and tile < size:
        tile, output = tile + 2 ** (depth - 1), output + 2 ** (depth - 1)
      if self.padding == "valid" and tile != size:
        raise ValueError(
            f"an image side of {size} does not fit an unpadded U-Net of depth"
            f" {depth}; {tile} does, and every {2 ** (depth - 1)} from there"
        )
      before = (tile - output) // 2
      pads.append((before, tile - size - before))
    if self.padding == "valid":
      return image
    return ops.pad(image, pads, mode="reflect")


def valid_tile(size: int, depth: int) -> tuple[int, int]:
  """The smallest input and output side of an unpadded U-Net for `size` pixels.

  572 and 388 in Figure 1; "select the input tile size such that all 2x2
  max-pooling operations are applied to a layer with an even size" (Sec. 2) is
  the rule.
  """
  bottom = 1
  while True:
    output = bottom
    for _ in range(depth - 1):
      output = 2 * output - 4
    if output >= size:
      break
    bottom += 1
  tile = bottom + 4
  for _ in range(depth - 1):
    tile = 2 * tile + 4
  return tile, output


def _match(skip, x, pad):
  """The copy and the up-convolved map at one size (the paper crops).

  Where the convolutions are padded, a map that lost an odd row to the pooling
  gets it back as zeros.
  """
  dh, dw = (a - b for a, b in zip(skip.shape[1:3], x.shape[1:3]))
  if pad:
    edges = [(d // 2, d - d // 2) for d in (dh, dw)]
    return skip, jnp.pad(x, ((0, 0), *edges, (0, 0)))
  top, left = dh // 2, dw // 2
  return (
      skip[:, top : top + x.shape[1], left : left + x.shape[2]],
      x,
  )


def overlap_tile(
    apply: Callable[[Float[Array, "n t t c"]], Float[Array, "n _ _ k"]],
    image: Float[Array, "n h w c"],
    *,
    size: int = 388,
    depth: int = 5,
) -> Float[Array, "n h w k"]:
  """Logits of an image of any size, one tile after the other (Fig. 2).

  Each tile needs what an unpadded network loses at the tile's edges; beyond the
  image it is the mirror image. So memory holds one tile's maps, and the logits
  are those of the whole image with `padding="mirror"`, if `size` is a multiple
  of 2**(depth - 1): pools then fall on the same pixels. 388 in the paper is
  not; there the seams differ as they do between any two tilings.

  Args:
    apply: the logits of an input tile, by a network of `padding="valid"`.
    image: the image.
    size: pixels of a tile's logits that are kept, at least 1.
    depth: of the network.
  """
  rows, columns = image.shape[1:3]
  tile, output = valid_tile(size, depth)
  before = (tile - output) // 2
  tops, lefts = range(0, rows, size), range(0, columns, size)
  pads = [
      (before, starts[-1] + tile - before - side)
      for starts, side in ((tops, rows), (lefts, columns))
  ]
  padded = jnp.pad(image, ((0, 0), *pads, (0, 0)), mode="reflect")
  shape = (image.shape[0], tile, tile, image.shape[3])

  def one(at):
    logits = apply(lax.dynamic_slice(padded, (0, *at, 0), shape))
    return logits[:, :size, :size]

  corners = jnp.array([(top, left) for top in tops for left in lefts])
  logits = lax.map(one, tuple(corners.T))
  n, k = logits.shape[1], logits.shape[-1]
  logits = logits.reshape(len(tops), len(lefts), n, size, size, k)
  logits = logits.transpose(2, 0, 3, 1, 4, 5)
  logits = logits.reshape(n, len(tops) * size, len(lefts) * size, k)
  return logits[:, :rows, :columns]
