"""DeconvNet (Noh, Hong and Han 2015, arXiv:1505.04366)."""

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from segjax import layers, ops
from segjax.backbones import vgg


class DeconvNormAct(nn.Module):
  """Deconvolution, normalisation, ReLU (Sec. 3.2.2 and 4.1).

  Attributes:
    features: channels of the result.
    kernel_size: of the deconvolution, whose stride is 1.
    padding: cut from each side of the result.
    norm: makes the normalisation layer.
  """

  features: int
  kernel_size: int = 3
  padding: int = 1
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    conv = layers.ConvTranspose(
        self.features,
        self.kernel_size,
        padding=self.padding,
        # "Zero-mean Gaussians" (Sec. 4.2); their deviation is the authors' net's.
        kernel_init=nn.initializers.normal(0.01),
        name="conv",
    )
    return nn.relu(self.norm(name="norm")(conv(x), train=train))


class DeconvNet(nn.Module):
  """VGG-16 and its mirror image (Fig. 2), for images of any size.

  Every convolution and deconvolution is normalised, those of the code too. The
  paper's network sees proposals of 224x224 pixels, from which fc6 makes a code
  of 1x1. Other images are continued with zeros, below and on the right, to a
  multiple of 32 pixels and 224 at least, and the logits are cropped; fc6 and
  its deconvolution slide over a larger image.

  Attributes:
    num_classes: channels of the logits.
    features: channels of fc6 and fc7.
    window: side of fc6's kernel, in cells of 32 pixels.
    norm: makes the normalisation layers outside of the backbone.
    backbone: gives the pools `c1` to `c5`, their `switches1` to `switches5`,
      and `stage_sizes`.
  """

  num_classes: int
  features: int = 4096
  window: int = 7
  norm: layers.ModuleDef = layers.BatchNorm
  backbone: nn.Module = vgg.VGG(norm=layers.BatchNorm, switches=True)

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    height, width = image.shape[1:3]
    sides = [32 * max(-(-side // 32), self.window) for side in (height, width)]
    pads = ((0, 0), (0, sides[0] - height), (0, sides[1] - width), (0, 0))
    pools = self.backbone(jnp.pad(image, pads), train=train)
    x = pools["c5"]
    for name, kernel_size in (("fc6", self.window), ("fc7", 1)):
      x = layers.ConvNormAct(
          self.features,
          kernel_size,
          padding=0,
          use_bias=True,
          norm=self.norm,
          name=name,
      )(x, train=train)
    code = pools["c5"].shape[-1]
    x = DeconvNormAct(code, self.window, 0, self.norm, name="fc6_deconv")(
        x, train=train
    )
    for i in range(5, 0, -1):
      size = tuple(side >> (i - 1) for side in sides)
      x = ops.max_unpool(x, pools[f"switches{i}"], size, window=2)
      count = self.backbone.stage_sizes[i - 1]
      for j in range(1, count + 1):
        # The last one narrows the map for the next stage.
        channels = pools[f"c{max(i - (j == count), 1)}"].shape[-1]
        deconv = DeconvNormAct(channels, norm=self.norm, name=f"deconv{i}_{j}")
        x = deconv(x, train=train)
    logits = layers.Conv(self.num_classes, 1, name="classifier")(x)
    return {"logits": logits[:, :height, :width]}


def aggregate(
    scores: Float[Array, "p h w k"],
    boxes: Int[Array, "p 4"],
    size: tuple[int, int],
    *,
    how: str = "max",
) -> Float[Array, "{size[0]} {size[1]} k"]:
  """The score maps of an image's proposals as that of the image (Sec. 3.4).

  Every map is put into its box by bilinear interpolation, with zeros outside;
  then each pixel takes the maximum, Eq. (1), or the sum, Eq. (2), over
  proposals. The softmax of the result are the paper's probabilities.

  Args:
    scores: the logits of the proposals, resized to the network's size.
    boxes: top, left, height and width in pixels of the image; not empty.
    size: height and width of the image.
    how: "max" or "sum".

  Raises:
    ValueError: `how` is something else.
  """
  if how not in ("max", "sum"):
    raise ValueError(f"how is {how!r}; possible are 'max' and 'sum'")

  def place(score, box):
    axes, inside = [], []
    for axis in (0, 1):
      at = jnp.arange(size[axis]) - box[axis]
      extent = box[2 + axis]
      axes.append((at + 0.5) * score.shape[axis] / extent - 0.5)
      inside.append((at >= 0) & (at < extent))
    grid = jnp.meshgrid(*axes, indexing="ij")
    sample = lambda channel: jax.scipy.ndimage.map_coordinates(
        channel, grid, order=1, mode="nearest"
    )
    inside = inside[0][:, None] & inside[1][None]
    placed = jax.vmap(sample, in_axes=-1, out_axes=-1)(score)
    return jnp.where(inside[..., None], placed, 0)

  join = jnp.maximum if how == "max" else jnp.add
  empty = jnp.full((*size, scores.shape[-1]), 0.0 if how == "sum" else -jnp.inf)

  def step(total, proposal):
    return join(total, place(*proposal)), None

  return jax.lax.scan(step, empty.astype(scores.dtype), (scores, boxes))[0]
