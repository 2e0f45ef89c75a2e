"""Deep Parsing Network, Liu et al. 2015 (arXiv:1509.02634).

One mean-field iteration of a Markov random field as four layers on VGG-16.
"""

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import vgg
from segjax.ops import filters

STAGES = (1, 2, 3, 4)
"""Of the incremental training: see `DPN`."""


class TriplePenalty(nn.Module):
  """b12: a convolution with another kernel at every pixel.

  The map of every class is averaged over a window, with weights d(j, z) between
  the pixel j and its neighbour z that all classes share. What is learned is the
  measure of the distance, not a kernel for every place.

  The paper begins with distances of colours and leaves their form open. Here
  d(j, z) falls off as a Gaussian of colours and positions, as the appearance
  kernel of a dense CRF does, with one width per colour and one of positions;
  the weights of a window sum to one.

  Attributes:
    size: of the window; 50 is the paper's best.
    xy: first width of the positions, in pixels.
    rgb: first width of the colours, in the unit of the image.
  """

  size: int = 50
  xy: float = 25.0
  rgb: float = 10.0

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w k"], image: Float[Array, "n h w c"]
  ) -> Float[Array, "n h w k"]:
    n, height, width, channels = image.shape
    log_widths = self.param(
        "log_widths",
        lambda rng, shape: jnp.log(
            jnp.full(shape, self.rgb).at[0].set(self.xy)
        ),
        (channels + 1,),
    )
    widths = jnp.exp(log_widths.astype(jnp.float32))
    place = jnp.stack(jnp.mgrid[:height, :width], -1) / widths[0]
    place = jnp.broadcast_to(place, (n, height, width, 2))
    colours = image.astype(jnp.float32) / widths[1:]
    values = jnp.concatenate(
        [x.astype(jnp.float32), jnp.ones((n, height, width, 1))], -1
    )
    sums = filters.window(
        jnp.concatenate([place, colours], -1), values, self.size
    )
    return (sums[..., :-1] / sums[..., -1:]).astype(x.dtype)


def block_min_pool(
    x: Float[Array, "n h w m"], size: int
) -> Float[Array, "n h w m/{size}"]:
  """b14: the least of each `size` channels that follow each other.

  Raises:
    ValueError: the channels are no multiple of `size`.
  """
  if x.shape[-1] % size:
    raise ValueError(f"{x.shape[-1]} channels are no blocks of {size}")
  return jnp.min(x.reshape(*x.shape[:-1], -1, size), -1)


class DPN(nn.Module):
  """Unary terms by VGG-16, pairwise terms by b12 to b15 (Table 1 (b)).

  b1 to b10 are VGG-16 without its last two pools (a8 and a10): b8 is dilated
  by 2, b9 is fc6, 7x7 and dilated by 4. b11 predicts at stride 8, and
  is upsampled to the image. b13 holds K = 5 patterns of label contexts for
  every class, 9x9 pixels and all classes wide; b14 takes the one that costs
  least, and b15 subtracts it from the logarithm of b11: one mean-field
  iteration. The softmax of b15 belongs to the loss.

  Open in the paper, and chosen here: b11 is upsampled before its sigmoid; the
  window of b12 is the pixels -25 to 24; b13 begins near 0, so that training
  begins at the unary term; dropout after b9 and b10, as in VGG-16.

  Attributes:
    num_classes: channels of the logits.
    stage: of the paper's incremental training, 1 to 4, else ValueError. The
      logits are the logarithm of b11 (1) or of b12 (2), or b15 (3 and 4); the
      parameters are always those of all stages.
    mixtures: K, the patterns of each class in b13.
    context_size: of b13, in pixels.
    window: size of b12, in pixels.
    rgb: first width of b12's colours, in the unit of the image.
    features: channels of b9 and b10.
    dropout_rate: after b9 and b10.
    backbone: b1 to b8, gives `c5` at stride 8.
  """

  num_classes: int
  stage: int = 4
  mixtures: int = 5
  context_size: int = 9
  window: int = 50
  rgb: float = 10.0
  features: int = 4096
  dropout_rate: float = 0.5
  backbone: nn.Module = vgg.VGG(output_stride=8, dense_pools=False)

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    if self.stage not in STAGES:
      raise ValueError(f"stage is {self.stage}; possible are {STAGES}")
    x = self.backbone(image, train=train)["c5"]
    for name, kernel_size, dilation in (("b9", 7, 4), ("b10", 1, 1)):
      conv = layers.Conv(
          self.features, kernel_size, dilation=dilation, name=name
      )
      x = layers.Dropout(self.dropout_rate, name=f"{name}_dropout")(
          nn.relu(conv(x)), train=train
      )
    scores = layers.Conv(self.num_classes, 1, name="b11")(x)
    scores = ops.resize_bilinear(scores, image.shape[1:3])
    unary, b11 = nn.log_sigmoid(scores), nn.sigmoid(scores)
    b12 = TriplePenalty(self.window, rgb=self.rgb, name="b12")(b11, image)
    b13 = layers.Conv(
        self.num_classes * self.mixtures,
        self.context_size,
        kernel_init=nn.initializers.normal(1e-3),
        name="b13",
    )(b12)
    b14 = block_min_pool(b13, self.mixtures)
    logits = {
        1: unary,
        2: jnp.log(jnp.maximum(b12, jnp.finfo(b12.dtype).tiny)),
        3: unary - b14,
        4: unary - b14,
    }
    return {"logits": logits[self.stage]}
