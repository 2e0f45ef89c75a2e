"""GoogLeNet, Szegedy et al. 2015 (arXiv:1409.4842)."""

import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops

STAGES = {
    # 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj
    "c3": {
        "inception3a": (64, 96, 128, 16, 32, 32),
        "inception3b": (128, 128, 192, 32, 96, 64),
    },
    "c4": {
        "inception4a": (192, 96, 208, 16, 48, 64),
        "inception4b": (160, 112, 224, 24, 64, 64),
        "inception4c": (128, 128, 256, 24, 64, 64),
        "inception4d": (112, 144, 288, 32, 64, 64),
        "inception4e": (256, 160, 320, 32, 128, 128),
    },
    "c5": {
        "inception5a": (256, 160, 320, 32, 128, 128),
        "inception5b": (384, 192, 384, 48, 128, 128),
    },
}
"""The channels of Table 1, by the feature map that the modules end."""

BatchNorm = functools.partial(layers.BatchNorm, epsilon=1e-3)
"""Of the public weights (Ioffe and Szegedy 2015, arXiv:1502.03167)."""


class Inception(nn.Module):
  """Four branches, concatenated (Fig. 2b).

  Attributes:
    widths: channels of the convolutions, in the order of Table 1.
    large: kernel size of the branch that the paper calls 5x5.
    norm: makes the normalisation layers.
  """

  widths: tuple[int, int, int, int, int, int]
  large: int = 3
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w c2"]:
    def conv(width, size, name, x):
      block = layers.ConvNormAct(
          width,
          size,
          use_bias=self.norm is layers.Identity,
          norm=self.norm,
          name=name,
      )
      return block(x, train=train)

    one, reduce3, three, reduce5, five, proj = self.widths
    branches = (
        conv(one, 1, "conv1x1", x),
        conv(three, 3, "conv3x3", conv(reduce3, 1, "reduce3x3", x)),
        conv(five, self.large, "conv5x5", conv(reduce5, 1, "reduce5x5", x)),
        conv(proj, 1, "pool_proj", layers.max_pool(x, 3, 1, padding=1)),
    )
    return jnp.concatenate(branches, axis=-1)


class GoogLeNet(nn.Module):
  """GoogLeNet as a feature pyramid (Table 1), with batch normalisation.

  `c1` and `c2` are the first and the last convolution of the stem, `c3` to
  `c5` are inception 3b, 4e and 5b. The auxiliary classifiers (Sec. 5) are left
  out. The defaults are those of the public weights, from TensorFlow, as
  torchvision has them; the paper's own network is `PAPER`.

  Attributes:
    large: kernel size of the branch that the paper calls 5x5, and has 5x5.
    last_pool: window of the pool before inception 5a; the paper's is 3.
    renormalize: the image comes with the "imagenet" preset of `ops.normalize`,
      and the weights want "unit" (torchvision's `transform_input`).
    lrn: local response normalisation after the first pool and before the
      second, as in Fig. 3.
    norm: makes the normalisation layers; with `layers.Identity` the
      convolutions have biases.
  """

  large: int = 3
  last_pool: int = 2
  renormalize: bool = False
  lrn: bool = False
  norm: layers.ModuleDef = BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    if self.renormalize:
      mean, scale, _ = map(jnp.asarray, ops.PRESETS["imagenet"])
      centre, half, _ = map(jnp.asarray, ops.PRESETS["unit"])
      offset = ((mean - centre) / half).astype(image.dtype)
      image = image * (scale / half).astype(image.dtype) + offset
    conv = functools.partial(
        layers.ConvNormAct,
        use_bias=self.norm is layers.Identity,
        norm=self.norm,
    )
    lrn = ops.local_response_norm if self.lrn else lambda x: x
    features = {"c1": conv(64, 7, 2, name="conv1")(image, train=train)}
    x = lrn(layers.max_pool(features["c1"], 3, 2, ceil_mode=True))
    x = conv(64, 1, name="conv2")(x, train=train)
    x = features["c2"] = conv(192, 3, name="conv3")(x, train=train)
    x = lrn(x)
    for key, modules in STAGES.items():
      window = self.last_pool if key == "c5" else 3
      x = layers.max_pool(x, window, 2, ceil_mode=True)
      for name, widths in modules.items():
        module = Inception(widths, self.large, self.norm, name=name)
        x = module(x, train=train)
      features[key] = x
    return features


PAPER = {"large": 5, "last_pool": 3, "lrn": True, "norm": layers.Identity}
"""Attributes of the paper's network, from before batch normalisation."""
