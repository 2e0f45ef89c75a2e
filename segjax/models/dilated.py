"""Dilated convolutions: the context module, and segmentation by DRN.

Yu and Koltun 2016 (arXiv:1511.07122); Yu, Koltun and Funkhouser 2017
(arXiv:1705.09914).
"""

from collections.abc import Callable

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np

from segjax import layers, ops
from segjax.backbones import drn, vgg
from segjax.models import deeplab_v1, fcn

STRIDE = 8

MARGIN = 186
"""Pixels beside an image that the front end sees: half its field of view."""

RATES = (1, 1, 2, 4, 8, 16, 1)
"""The dilations of the context module (Table 1)."""

WIDTHS = {"basic": (1,) * 7, "large": (2, 2, 4, 8, 16, 32, 32)}
"""The two context modules: channels of each layer, in classes (Table 1)."""


def identity_kernel(
    classes: int, noise: float = 0.0
) -> Callable[..., Float[Array, "k k i o"]]:
  """Initialises a layer so that it passes its input on (Eq. 4 and 5).

  The centre tap is `classes` / o where input and output channel stand for the
  same class, which takes the mean over the channels of a class.

  Args:
    classes: C, which divides the numbers of channels, else ValueError.
    noise: standard deviation of all other weights, in units of classes / o. It
      "breaks ties among feature maps with a common predecessor"; the paper only
      says that it is small, and that Eq. 4 has none.
  """

  def init(rng, shape, dtype=jnp.float32):
    height, width, inputs, outputs = shape
    if inputs % classes or outputs % classes:
      raise ValueError(
          f"{classes} classes do not divide {inputs} and {outputs} channels"
      )
    same = np.equal.outer(
        np.arange(inputs) * classes // inputs,
        np.arange(outputs) * classes // outputs,
    )
    here = np.zeros((height, width, 1, 1), bool)
    here[height // 2, width // 2] = True
    rest = noise * jax.random.normal(rng, shape, dtype)
    return jnp.where(here & same, 1, rest) * (classes / outputs)

  return init


class Context(nn.Module):
  """The context module: class scores in, class scores out (Sec. 3, Table 1).

  Exponentially growing dilations see 67x67 scores at their full resolution. A
  fresh module passes on what is positive in its input.

  Attributes:
    widths: channels of each 3x3 layer, in those of the input; see `WIDTHS`.
    rates: dilation of each 3x3 layer. With one level less (KITTI) or two more
      (Cityscapes) these are the networks of appendix A.
    pad_each: whether each layer pads its input with zeros, as the authors' nets
      with the basic module do, or the scores are padded once, by the sum of the
      rates: the buffer of Sec. 5.
    noise: see `identity_kernel`; the paper has it in the large module.
  """

  widths: tuple[int, ...] = WIDTHS["large"]
  rates: tuple[int, ...] = RATES
  pad_each: bool = False
  noise: float = 0.01

  @nn.compact
  def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    if len(self.widths) != len(self.rates):
      raise ValueError(
          f"{len(self.widths)} widths do not fit {len(self.rates)} rates"
      )
    classes = x.shape[-1]
    init = identity_kernel(classes, self.noise if max(self.widths) > 1 else 0.0)
    buffer = sum(self.rates)
    for i, (width, rate) in enumerate(zip(self.widths, self.rates), start=1):
      conv = layers.Conv(
          classes * width,
          dilation=rate,
          padding=rate if self.pad_each else buffer,
          kernel_init=init,
          name=f"conv{i}",
      )
      x, buffer = nn.relu(conv(x)), 0
    return layers.Conv(classes, 1, kernel_init=init, name="final")(x)


class DilatedNet(nn.Module):
  """A front end without vestiges of classification, and context (Sec. 3 and 4).

  The front end is VGG-16 without its last two pools, whose factors of 2 become
  dilations, and without any padding: the image is reflected about its edges
  instead, by `MARGIN` and what is lacking for whole features.

  The paper leaves the upsampling open. Feature i stands on pixel 8 * i, as in
  the authors' training and testing code.

  "frontend" are the scores that go into the context module.

  Attributes:
    num_classes: channels of the logits.
    context: "basic" or "large" (Table 1), None for the front end alone, in
      place of whose logits there is no "frontend"; else ValueError.
    rates: see `Context`.
    pad_each: see `Context`.
    margin: pixels by which the image is reflected: those that the unpadded
      layers take away, else ValueError. 0 makes the authors' Caffe nets: the
      image comes with its margin. Then "frontend" and "context" are scores at
      stride 8 and "logits" are those between the margins, up to the pixel of
      the last feature.
    kernel_size: of fc6.
    features: channels of fc6 and fc7.
    dropout_rate: after fc6 and fc7.
    backbone: gives `c5` at stride 8.
  """

  num_classes: int
  context: str | None = "large"
  rates: tuple[int, ...] = RATES
  pad_each: bool = False
  margin: int = MARGIN
  kernel_size: int = 7
  features: int = 4096
  dropout_rate: float = 0.5
  backbone: nn.Module = vgg.VGG(
      first_padding=0,
      padding=False,
      ceil_mode=True,
      output_stride=STRIDE,
      dense_pools=False,
  )

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ {self.num_classes}"]]:
    if self.context not in (None, *WIDTHS):
      raise ValueError(
          f"context is {self.context!r}; possible are None, 'basic', 'large'"
      )
    grid = [-(-(n - 1) // STRIDE) + 1 for n in image.shape[1:3]]
    x = self._reflect(image, grid) if self.margin else image
    maps = {"frontend": self._front_end(x, train)}
    if self.margin and maps["frontend"].shape[1:3] != tuple(grid):
      raise ValueError(
          f"a margin of {self.margin} makes maps of"
          f" {maps['frontend'].shape[1:3]}, not {tuple(grid)}: it is not what"
          " the layers take away"
      )
    if self.context is not None:
      context = Context(
          self._widths(), self.rates, self.pad_each, name="context"
      )
      maps["context"] = context(maps["frontend"])
    if not self.margin:
      size = [STRIDE * (n - 1) + 1 for n in maps["frontend"].shape[1:3]]
      logits = deeplab_v1.zoom(list(maps.values())[-1], size, STRIDE)
      return {"logits": logits, **maps}
    size = image.shape[1:3]
    outputs = {k: deeplab_v1.zoom(v, size, STRIDE) for k, v in maps.items()}
    return {"logits": outputs.popitem()[1], **outputs}

  def _reflect(self, image, grid):
    """The image with its margin, and enough for the last feature of a grid."""
    pads = [
        (self.margin, self.margin + STRIDE * n - pixels)
        for n, pixels in zip(grid, image.shape[1:3])
    ]
    return ops.pad(image, pads, mode="reflect")

  def _front_end(self, x, train):
    x = self.backbone(x, train=train)["c5"]
    for name, kernel_size in (("fc6", self.kernel_size), ("fc7", 1)):
      conv = layers.Conv(
          self.features, kernel_size, dilation=4, padding=0, name=name
      )
      dropout = layers.Dropout(self.dropout_rate, name=f"{name}_dropout")
      x = dropout(nn.relu(conv(x)), train=train)
    return layers.Conv(self.num_classes, 1, name="frontend")(x)

  def _widths(self):
    """Those of Table 1; a basic module has as many as there are rates."""
    if self.context == "basic":
      return (1,) * len(self.rates)
    return WIDTHS[self.context]


class DRNSeg(nn.Module):
  """A dilated residual network and a classifier (arXiv:1705.09914, Sec. 5.3).

  The scores at stride 8 are upsampled by a deconvolution that begins as
  bilinear interpolation. The authors do not train it, for which an optimiser
  takes `factors=(("up/", 0.0),)`.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c5` at stride 8; the default is DRN-D-22.
  """

  num_classes: int
  backbone: nn.Module = drn.DRN()

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    x = self.backbone(image, train=train)["c5"]
    x = layers.Conv(self.num_classes, 1, name="seg")(x)
    up = layers.ConvTranspose(
        self.num_classes,
        2 * STRIDE,
        STRIDE,
        padding=STRIDE // 2,
        groups=self.num_classes,
        use_bias=False,
        kernel_init=_bilinear,
        name="up",
    )
    _, height, width, _ = image.shape
    return {"logits": up(x)[:, :height, :width]}


def _bilinear(rng, shape, dtype=jnp.float32):
  """`fcn.bilinear_kernel` for one group a class."""
  kernel = fcn.bilinear_kernel(rng, (*shape[:2], 1, 1), dtype)
  return jnp.broadcast_to(kernel, shape)
