"""RefineNet, Lin et al. 2017 (arXiv:1611.06612), and its light-weight form.

Coarse features are refined by finer ones in a cascade of blocks (Fig. 2c),
each of residual convolution units, multi-resolution fusion, chained residual
pooling and an output unit (Fig. 3). No block has a normalisation layer.
"""

from collections.abc import Sequence
import functools

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers, ops

CASCADES = {
    4: (("c5",), ("c4",), ("c3",), ("c2",)),
    2: (("c5", "c4"), ("c3", "c2")),
    1: (("c5", "c4", "c3", "c2"),),
}
"""Blocks -> the backbone's features that enter each, from coarse to fine.

Fig. 2c, and the paper's variants of it: 2-cascaded, and a single block."""


conv = functools.partial(layers.Conv, kernel_init=nn.initializers.normal(0.01))
"""As the authors' code begins: without a normalisation, units must start close
to the identity."""


class ResidualConvUnit(nn.Module):
  """RCU: ReLU and 3x3 convolution, twice, beside the identity (Fig. 3b).

  The paper does not speak of biases; the first convolution has one, the second
  none, as in the published weights.
  """

  @nn.compact
  def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    features = x.shape[-1]
    y = conv(features, name="conv1")(nn.relu(x))
    y = conv(features, use_bias=False, name="conv2")(nn.relu(y))
    return x + y


class ChainedResidualPooling(nn.Module):
  """A ReLU, then a chain of pools and convolutions, all summed (Fig. 3d).

  Attributes:
    pools: 5x5 max pools of stride 1 in the chain.
    kernel_size: of the convolution after each.
  """

  pools: int = 2
  kernel_size: int = 3

  @nn.compact
  def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    total = path = nn.relu(x)
    for i in range(1, self.pools + 1):
      path = ops.max_pool(path, 5, 1, padding=2)
      path = conv(
          x.shape[-1], self.kernel_size, use_bias=False, name=f"conv{i}"
      )(path)
      total = total + path
    return total


class RefineNetBlock(nn.Module):
  """Adapts, fuses, pools (Sec. 3.2, Fig. 3a).

  Attributes:
    adapt_units: residual convolution units on each input.
    output_units: those behind the pooling.
    pools: see `ChainedResidualPooling`.
    kernel_size: of the convolutions of fusion and pooling.
    align_corners: how the coarser inputs are upsampled.
  """

  adapt_units: int = 2
  output_units: int = 1
  pools: int = 2
  kernel_size: int = 3
  align_corners: bool = True

  @nn.compact
  def __call__(
      self, paths: Sequence[Float[Array, "n _ _ _"]]
  ) -> Float[Array, "n h w c"]:
    """Returns a map of the last path's size and the least channels of all.

    Args:
      paths: from coarse to fine.
    """
    paths = [
        self._units(path, self.adapt_units, f"path{i}_rcu")
        for i, path in enumerate(paths, start=1)
    ]
    x = ChainedResidualPooling(self.pools, self.kernel_size, name="pooling")(
        self._fuse(paths)
    )
    return self._units(x, self.output_units, "output_rcu")

  def _units(self, x, units, name):
    for i in range(1, units + 1):
      x = ResidualConvUnit(name=f"{name}{i}")(x)
    return x

  def _fuse(self, paths):
    """Multi-resolution fusion; a single path passes unchanged (Fig. 3c)."""
    if len(paths) == 1:
      return paths[0]
    features = min(path.shape[-1] for path in paths)
    size = paths[-1].shape[1:3]
    total = 0
    for i, path in enumerate(paths, start=1):
      path = conv(
          features, self.kernel_size, use_bias=False, name=f"path{i}_fuse"
      )(path)
      total = total + ops.resize_bilinear(
          path, size, align_corners=self.align_corners
      )
    return total


class RefineNet(nn.Module):
  """A ResNet and a cascade of RefineNet blocks (Fig. 2c).

  "A sequence of three RCUs" stands between two blocks, one of the block before
  and two of the next; behind the last block two more take the next one's place
  (Sec. 3.2, "output convolutions"). Left open by the paper, and here as in the
  published weights: the 3x3 convolutions that bring the ResNet's channels to
  those of a path, and the classifier, 3x3. Logits at a quarter of the image
  are resized without aligned corners.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c2` to `c5` at strides 4, 8, 16 and 32.
    cascade: blocks: 4, 2 or 1 (see `CASCADES`), else ValueError.
    features: channels of the paths, and `coarse_features` those of the path of
      `c5`. Sec. 3.2 has 512 for RefineNet-4, whose only input that is.
    coarse_features: see `features`.
    pools: of `ChainedResidualPooling`; 4 in drsleep's weights, and the other
      choice in the authors' code.
    units: whether there are residual convolution units.
    kernel_size: of all convolutions outside of these units, but for the
      classifier's.
    align_corners: how coarse paths are upsampled.
    dropout_rate: on `c4` and `c5`; with the next, from the published code.
    classifier_dropout_rate: before the classifier.
  """

  num_classes: int
  backbone: nn.Module
  cascade: int = 4
  features: int = 256
  coarse_features: int = 512
  pools: int = 2
  units: bool = True
  kernel_size: int = 3
  align_corners: bool = True
  dropout_rate: float = 0.5
  classifier_dropout_rate: float = 0.5

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    if self.cascade not in CASCADES:
      raise ValueError(
          f"cascade is {self.cascade}; possible are {sorted(CASCADES)}"
      )
    features = self.backbone(image, train=train)
    for key in ("c5", "c4"):
      dropout = layers.Dropout(self.dropout_rate, name=f"{key}_dropout")
      features[key] = dropout(features[key], train=train)
    groups = CASCADES[self.cascade]
    block = functools.partial(
        RefineNetBlock,
        adapt_units=2 if self.units else 0,
        pools=self.pools,
        kernel_size=self.kernel_size,
        align_corners=self.align_corners,
    )
    paths = []
    for i, keys in enumerate(groups):
      last = i == len(groups) - 1
      paths += [self._reduce(features[key], key) for key in keys]
      output_units = (3 if last else 1) if self.units else 0
      name = f"refine{len(groups) - i}"
      paths = [block(output_units=output_units, name=name)(paths)]
    x = layers.Dropout(self.classifier_dropout_rate, name="dropout")(
        paths[0], train=train
    )
    logits = conv(self.num_classes, name="classifier")(x)
    return {"logits": ops.resize_bilinear(logits, image.shape[1:3])}

  def _reduce(self, x, key):
    features = self.coarse_features if key == "c5" else self.features
    return conv(
        features, self.kernel_size, use_bias=False, name=f"{key}_reduce"
    )(x)


class LightWeightRefineNet(RefineNet):
  """RefineNet without its units, and with 1x1 convolutions instead of 3x3.

  Nekrasov, Shen and Reid 2018 (arXiv:1810.03272), Sec. 3: the two changes that
  leave less than half of the parameters. Only the classifier stays 3x3. The
  chains have four pools, as in the authors' code.
  """

  pools: int = 4
  units: bool = False
  kernel_size: int = 1
  classifier_dropout_rate: float = 0.0
