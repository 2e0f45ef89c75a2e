"""NASNet-A, Zoph et al. 2018 (arXiv:1707.07012)."""

import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops

BatchNorm = functools.partial(layers.BatchNorm, epsilon=1e-3)
"""With the authors' epsilon."""


SIZES = {
    "mobile": {},
    "large": {
        "cells": 6,
        "penultimate": 4032,
        "stem": 96,
        "skip": True,
        "same": (False, False, True, False),
    },
}
"""4 @ 1056 for images of 224 x 224, and 6 @ 4032 for 331 x 331 (Tables 3, 2)."""


def avg_pool(x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
  """The mean of 3x3 pixels, of those that are there."""
  return ops.avg_pool(x, 3, 1, padding=1, count_include_pad=False)


class Squeeze(nn.Module):
  """The 1x1 convolution that brings an input to a cell's channels."""

  features: int
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    conv = layers.Conv(self.features, 1, use_bias=False, name="conv")
    return self.norm(name="norm")(conv(nn.relu(x)), train=train)


class FactorizedReduction(nn.Module):
  """Halves the size: even pixels for half the channels, odd for the others."""

  features: int
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    x = nn.relu(x)
    odd = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))[:, 1:, 1:]
    paths = [
        layers.Conv(self.features // 2, 1, use_bias=False, name=name)(
            y[:, ::2, ::2]
        )
        for name, y in (("even", x), ("odd", odd))
    ]
    return self.norm(name="norm")(jnp.concatenate(paths, -1), train=train)


class Separable(nn.Module):
  """ReLU, separable convolution, norm, and all that twice (Appendix).

  Attributes:
    features: channels of the result.
    kernel_size: of both depthwise convolutions.
    stride: of the first one.
    same: see `ReductionCell`.
    norm: makes the normalisation layers.
  """

  features: int
  kernel_size: int
  stride: int = 1
  same: bool = False
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h2 w2 {self.features}"]:
    conv = functools.partial(layers.Conv, padding=0, use_bias=False)
    for i, stride in enumerate((self.stride, 1), start=1):
      x, width = nn.relu(x), x.shape[-1]
      after = self.kernel_size // 2
      pads = [
          (after - (self.same and stride == 2 and size % 2 == 0), after)
          for size in x.shape[1:3]
      ]
      x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
      depthwise = conv(
          width, self.kernel_size, stride, groups=width, name=f"depthwise{i}"
      )
      x = conv(self.features, 1, name=f"pointwise{i}")(depthwise(x))
      x = self.norm(name=f"norm{i}")(x, train=train)
    return x


class NormalCell(nn.Module):
  """Keeps the size (Fig. 4, left): 6 times the channels of its states.

  Attributes:
    features: channels of each of its states.
    norm: makes the normalisation layers.
  """

  features: int
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self,
      x: Float[Array, "n h w c"],
      before: Float[Array, "n h1 w1 c1"],
      *,
      train: bool,
  ) -> Float[Array, "n h w c2"]:
    def separable(name, size, x):
      conv = Separable(self.features, size, norm=self.norm, name=name)
      return conv(x, train=train)

    # A cell behind a reduction has an input twice as large as the other.
    fit = Squeeze if before.shape[1:3] == x.shape[1:3] else FactorizedReduction
    before = fit(self.features, self.norm, name="fit")(before, train=train)
    x = Squeeze(self.features, self.norm, name="squeeze")(x, train=train)
    states = (
        before,
        separable("left0", 5, x) + separable("right0", 3, before),
        separable("left1", 5, before) + separable("right1", 3, before),
        avg_pool(x) + before,
        2 * avg_pool(before),
        separable("left4", 3, x) + x,
    )
    return jnp.concatenate(states, axis=-1)


class ReductionCell(nn.Module):
  """Halves the size (Fig. 4, right): 4 times the channels of its states.

  Attributes:
    features: channels of each of its states.
    fit: whether the input of the cell before is brought to `features` and the
      size of `x`; the very first cell has but one input, and takes it raw.
    same: an even map is padded by one pixel less in front, which is
      TensorFlow's "SAME"; else as an odd one, on both sides alike.
    norm: makes the normalisation layers.
  """

  features: int
  fit: bool = True
  same: bool = True
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self,
      x: Float[Array, "n h w c"],
      before: Float[Array, "n h1 w1 c1"],
      *,
      train: bool,
  ) -> Float[Array, "n h2 w2 c2"]:
    def separable(name, size, x, stride=2):
      conv = Separable(
          self.features, size, stride, self.same, self.norm, name=name
      )
      return conv(x, train=train)

    sized = before.shape[1:3] == x.shape[1:3]
    x = Squeeze(self.features, self.norm, name="squeeze")(x, train=train)
    if self.fit:
      fit = Squeeze if sized else FactorizedReduction
      before = fit(self.features, self.norm, name="fit")(before, train=train)
    pad = [s % 2 if self.same else 1 for s in x.shape[1:3]]
    pool = {"padding": pad, "ceil_mode": self.same}
    largest = ops.max_pool(x, 3, 2, **pool)
    mean = ops.avg_pool(x, 3, 2, count_include_pad=False, **pool)
    first = separable("left0", 5, x) + separable("right0", 7, before)
    second = largest + separable("right1", 7, before)
    states = (
        second,
        mean + separable("right2", 5, before),
        avg_pool(first) + second,
        separable("left4", 3, first, stride=1) + largest,
    )
    return jnp.concatenate(states, axis=-1)


class NASNet(nn.Module):
  """NASNet-A (N @ penultimate) as a feature pyramid (Fig. 2, right).

  The defaults are mobile, 4 @ 1056. `c1` is the stem's convolution, `c2` the
  stem's first reduction, `c3` to `c5` the last of the N normal cells at
  strides 8, 16 and 32, before their activation.

  Attributes:
    cells: N, normal cells between two reductions.
    penultimate: channels of the last cell.
    stem: channels of the convolution in front.
    skip: the first normal cell behind a reduction has the reduction's own
      second input as its own, not its first (authors' code, large).
    same: of the four reduction cells, see there. The public PyTorch networks
      pad as TensorFlow does at their own size of image.
    norm: makes the normalisation layers.
  """

  cells: int = 4
  penultimate: int = 1056
  stem: int = 32
  skip: bool = False
  same: tuple[bool, bool, bool, bool] = (False, True, True, True)
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    width = self.penultimate // 24
    reduction = functools.partial(ReductionCell, norm=self.norm)
    conv = layers.ConvNormAct(
        self.stem, 3, 2, padding=0, norm=self.norm, act=None, name="conv0"
    )
    stem = conv(image, train=train)
    cell = reduction(width // 4, False, self.same[0], name="stem0")
    before = cell(stem, stem, train=train)
    features = {"c1": stem, "c2": before}
    cell = reduction(width // 2, True, self.same[1], name="stem1")
    x = cell(before, stem, train=train)
    for i in range(3):
      if i:
        cell = reduction(
            width * 2**i, True, self.same[i + 1], name=f"reduction{i}"
        )
        reduced = cell(x, before, train=train)
        x, before = reduced, before if self.skip else x
      for j in range(self.cells):
        cell = NormalCell(width * 2**i, self.norm, name=f"stage{i}_cell{j}")
        x, before = cell(x, before, train=train), x
      features[f"c{i + 3}"] = x
    return features
