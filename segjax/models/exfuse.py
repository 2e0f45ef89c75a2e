"""ExFuse, Zhang et al. 2018 (arXiv:1804.03821), on the GCN of arXiv:1703.02719.

No code was published. What the paper leaves open, and what was chosen, stands
with each class.
"""

from collections.abc import Sequence
import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.models import fcn, gcn

REARRANGED = (8, 8, 9, 8)
"""Blocks of ResNeXt-101 with its layers rearranged, for (3, 4, 23, 3)."""

_LEVELS = (5, 4, 3, 2)


def sub_pixel(
    x: Float[Array, "n h w c*factor**2"], factor: int
) -> Float[Array, "n h*factor w*factor c"]:
  """Enlarges a map by its channels alone, without a parameter.

  Channel (i * factor + j) * c + k of a pixel is channel k of row i, column j
  of the square that it becomes.
  """
  n, height, width, channels = x.shape
  channels //= factor**2
  x = x.reshape(n, height, width, factor, factor, channels)
  x = x.transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(n, height * factor, width * factor, channels)


def densely_adjacent(
    x: Float[Array, "n h w k*k*c"], k: int
) -> Float[Array, "n h w c"]:
  """Densely adjacent prediction (DAP): the mean of the neighbours' votes.

  r[i, j] = 1 / k**2 sum_{l, m < k} x_(l k + m)[i + l - k // 2, j + m - k // 2]
  where x_(g) is the g-th of k**2 groups of channels. Votes from outside of the
  map, of which the paper does not speak, are zero.
  """
  _, height, width, channels = x.shape
  channels //= k**2
  before, after = k // 2, k - 1 - k // 2
  edges = ((0, 0), (before, after), (before, after), (0, 0))
  padded, total = jnp.pad(x, edges), 0
  for row in range(k):
    for column in range(k):
      first = (row * k + column) * channels
      total += padded[
          :,
          row : row + height,
          column : column + width,
          first : first + channels,
      ]
  return total / k**2


class SemanticSupervision(nn.Module):
  """The two convolutions of an auxiliary branch of the encoder (SS).

  `SupervisedEncoder` classifies the mean of the result. Their size, left open,
  is 3x3.

  Attributes:
    features: channels of both, left open by the paper as well.
    norm: makes the normalisation layers.
  """

  features: int = 512
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    for name in ("conv1", "conv2"):
      conv = layers.ConvNormAct(self.features, norm=self.norm, name=name)
      x = conv(x, train=train)
    return x


class SupervisedEncoder(nn.Module):
  """The encoder as it learns from ImageNet, with a loss behind each stage.

  Semantic supervision brings the classes near to the early stages; the loss is
  a weighted sum over the stages. For segmentation the branches are removed, and
  `ExFuse` takes over `backbone`; or it keeps `supervision2` to `supervision5`
  too, which the paper found better still.

  Attributes:
    num_classes: of the image.
    backbone: gives `c2` to `c5`.
    features: see `SemanticSupervision`.
    norm: makes the normalisation layers of the branches.
  """

  num_classes: int
  backbone: nn.Module
  features: int = 512
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n {self.num_classes}"]]:
    """Class scores of the whole image, after each stage: `c2` to `c5`."""
    stages = self.backbone(image, train=train)
    outputs = {}
    for i in _LEVELS:
      branch = SemanticSupervision(
          self.features, self.norm, name=f"supervision{i}"
      )
      x = jnp.mean(branch(stages[f"c{i}"], train=train), axis=(1, 2))
      outputs[f"c{i}"] = nn.Dense(self.num_classes, name=f"classifier{i}")(x)
    return outputs


class SemanticEmbedding(nn.Module):
  """SEB: a stage times each of the stages above it.

  Each higher stage passes a 3x3 convolution and is upsampled; the product is
  taken element by element. Left open: the upsampling, bilinear without aligned
  corners; and the normalisation behind the convolution, without which a product
  of four maps has no scale.

  Attributes:
    norm: makes the normalisation layers.
  """

  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self,
      low: Float[Array, "n h w c"],
      highs: Sequence[Float[Array, "n _ _ _"]],
      *,
      train: bool,
  ) -> Float[Array, "n h w c"]:
    x = low
    for i, high in enumerate(highs, start=1):
      conv = layers.ConvNormAct(
          low.shape[-1], norm=self.norm, act=None, name=f"conv{i}"
      )
      high = conv(high, train=train)
      x = x * ops.resize_bilinear(high, low.shape[1:3])
    return x


class ChannelResolutionEmbedding(nn.Module):
  """ECRE: doubles a map by sub-pixels, so that channels hold the detail.

  It takes the first deconvolution's place and has a loss of its own. In front
  stands a convolution to four times the channels, 3x3 here.
  """

  @nn.compact
  def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    return sub_pixel(layers.Conv(4 * x.shape[-1], name="conv")(x), 2)


class ExFuse(nn.Module):
  """GCN with more meaning in its low stages and more detail in its high ones.

  The top stage passes a global convolution and ECRE; each further one SEB and a
  global convolution, and is added to what comes from above. The last
  deconvolution gives nine votes per class, of which DAP makes the logits.
  `ecre` are the auxiliary logits behind ECRE, resized to the image.

  Global convolutions, boundary refinements and deconvolutions are GCN's, one
  channel per class; a pixel more than the finer map has is cropped. Left open:
  which layers are nine times as wide for DAP; here only the last is.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c2` to `c5` at strides 4 to 32: a ResNet-101, or a
      ResNeXt-101 with its layers in stages of `REARRANGED`.
    kernel_size: of the global convolutions; 15 is GCN's.
    votes: DAP's k, 3 in the paper: every pixel votes for a square of k * k.
    supervised_features: channels of the `SemanticSupervision` whose results
      take the stages' place. None for the stages themselves.
    norm: makes the normalisation layers of all but the backbone.
  """

  num_classes: int
  backbone: nn.Module
  kernel_size: int = 15
  votes: int = 3
  supervised_features: int | None = None
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    """Returns `logits` and `ecre`.

    Raises:
      ValueError: the kernel or `votes` are even.
    """
    for name in ("kernel_size", "votes"):
      if getattr(self, name) % 2 == 0:
        raise ValueError(
            f"ExFuse.{name} is {getattr(self, name)}; it must be odd"
        )
    stages = self._stages(image, train)
    x, size = None, image.shape[1:3]
    for i in _LEVELS:
      level = stages[i]
      if i < 5:
        highs = [stages[j] for j in range(i + 1, 6)]
        embed = SemanticEmbedding(self.norm, name=f"embed{i}")
        level = embed(level, highs, train=train)
      score = gcn.GlobalConv(
          self.num_classes, self.kernel_size, name=f"gcn{i}"
      )(level)
      score = gcn.BoundaryRefinement(name=f"refine{i}")(score)
      if i == 5:
        x = ChannelResolutionEmbedding(name="ecre")(score)
        ecre = ops.resize_bilinear(x, size)
        continue
      if i < 4:
        x = self._double(x, self.num_classes, f"up{i}")
      score = score + x[:, : score.shape[1], : score.shape[2]]
      x = gcn.BoundaryRefinement(name=f"refine_sum{i}")(score)
    x = self._double(x, self.num_classes, "up1")
    x = gcn.BoundaryRefinement(name="refine_sum1")(x)
    x = self._double(x, self.votes**2 * self.num_classes, "up0")
    logits = densely_adjacent(x[:, : size[0], : size[1]], self.votes)
    return {"logits": logits, "ecre": ecre}

  def _stages(self, image, train):
    stages = self.backbone(image, train=train)
    if self.supervised_features is None:
      return {i: stages[f"c{i}"] for i in _LEVELS}
    branch = functools.partial(
        SemanticSupervision, self.supervised_features, self.norm
    )
    return {
        i: branch(name=f"supervision{i}")(stages[f"c{i}"], train=train)
        for i in _LEVELS
    }

  def _double(self, x, features, name):
    deconv = layers.ConvTranspose(
        features,
        4,
        2,
        1,
        use_bias=False,
        kernel_init=_bilinear_groups,
        name=name,
    )
    return deconv(x)


def _bilinear_groups(rng, shape, dtype=jnp.float32):
  """`fcn.bilinear_kernel` for every group: at first all votes agree."""
  *size, inputs, outputs = shape
  kernel = fcn.bilinear_kernel(rng, (*size, inputs, inputs), dtype)
  return jnp.tile(kernel, outputs // inputs)
