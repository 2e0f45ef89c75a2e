"""FC-DenseNet, Jegou et al. 2017 (arXiv:1611.09326).

"The one hundred layers tiramisu": dense blocks in the place of a U-Net's
convolutions. Table 1 has the parts, Table 2 FC-DenseNet103, of which the
channels from the bottleneck on (880, 1072, 800, ...) are 16 too few, as the
authors say in their code's README: 896, 1088, 816, ...
"""

import functools

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops

SIZES = {
    # depth: (growth rate, layers of the blocks on the way down, bottleneck)
    56: (12, (4, 4, 4, 4, 4), 4),
    67: (16, (5, 5, 5, 5, 5), 5),
    103: (16, (4, 5, 7, 10, 12), 15),
}
"""The convolutions, which are in the name -> attributes of `FCDenseNet`."""

batch_norm = functools.partial(layers.BatchNorm, epsilon=1e-4)
"""The authors' Lasagne has this epsilon; the paper does not say."""

he_uniform = nn.initializers.he_uniform()


class Layer(nn.Module):
  """BatchNorm, ReLU, convolution, dropout (Table 1, "Layer").

  Attributes:
    features: channels of the result.
    kernel_size: of the convolution; 1 in a transition down.
    dropout_rate: of single values.
    norm: makes the normalisation layer.
  """

  features: int
  kernel_size: int = 3
  dropout_rate: float = 0.2
  norm: layers.ModuleDef = batch_norm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.features}"]:
    x = nn.relu(self.norm(name="norm")(x, train=train))
    x = layers.Conv(
        self.features, self.kernel_size, kernel_init=he_uniform, name="conv"
    )(x)
    return layers.Dropout(self.dropout_rate, name="dropout")(x, train=train)


class DenseBlock(nn.Module):
  """Layers that each see the block's input and all layers before (Fig. 2).

  Attributes:
    size: how many layers.
    growth_rate: channels that each of them adds.
    dropout_rate: see `Layer`.
    norm: makes the normalisation layers.
  """

  size: int
  growth_rate: int = 16
  dropout_rate: float = 0.2
  norm: layers.ModuleDef = batch_norm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w {self.size*self.growth_rate}"]:
    """Returns what the layers made, without the block's input."""
    maps = [x]
    for i in range(self.size):
      layer = Layer(
          self.growth_rate,
          dropout_rate=self.dropout_rate,
          norm=self.norm,
          name=f"layer{i}",
      )
      maps.append(layer(jnp.concatenate(maps, axis=-1), train=train))
    return jnp.concatenate(maps[1:], axis=-1)


class FCDenseNet(nn.Module):
  """FC-DenseNet103, and its smaller sisters of `SIZES` (Fig. 1, Table 2).

  On the way up only what the last block made is upsampled, not its input; that
  is what keeps the channels few (Sec. 3.2). An odd row or column that the
  pooling lost comes back from the transposed convolution, which is cropped to
  the skip connection. An image smaller than the stride of the bottleneck, 32,
  is padded to it.

  Attributes:
    num_classes: channels of the logits.
    growth_rate: channels that each layer adds.
    blocks: layers of the dense blocks on the way down; on the way up they are
      the same in reverse.
    bottleneck: layers of the block between.
    features: channels of the first convolution.
    dropout_rate: after each convolution of the blocks and transitions down.
    norm: makes the normalisation layers. The authors evaluate with the batch's
      own statistics: `functools.partial(layers.BatchNorm, epsilon=1e-4,
      batch_statistics=True)`.
  """

  num_classes: int
  growth_rate: int = 16
  blocks: tuple[int, ...] = (4, 5, 7, 10, 12)
  bottleneck: int = 15
  features: int = 48
  dropout_rate: float = 0.2
  norm: layers.ModuleDef = batch_norm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w c"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    height, width = image.shape[1:3]
    least = 2 ** len(self.blocks)
    edges = ((0, max(0, least - height)), (0, max(0, least - width)))
    x = jnp.pad(image, ((0, 0), *edges, (0, 0)), mode="edge")
    x = layers.Conv(self.features, kernel_init=he_uniform, name="conv1")(x)
    skips = []
    for i, size in enumerate(self.blocks, start=1):
      new = self._block(size, f"down{i}")(x, train=train)
      skips.append(jnp.concatenate([x, new], axis=-1))
      x = Layer(
          skips[-1].shape[-1],
          1,
          self.dropout_rate,
          self.norm,
          name=f"transition{i}",
      )(skips[-1], train=train)
      x = ops.max_pool(x, 2)
    new = self._block(self.bottleneck, "bottleneck")(x, train=train)
    for i in range(len(self.blocks), 0, -1):
      x = self._transition_up(new, skips.pop(), f"transition_up{i}")
      new = self._block(self.blocks[i - 1], f"up{i}")(x, train=train)
    x = jnp.concatenate([x, new], axis=-1)
    logits = layers.Conv(
        self.num_classes, 1, kernel_init=he_uniform, name="classifier"
    )(x)
    return {"logits": logits[:, :height, :width]}

  def _block(self, size, name):
    return DenseBlock(
        size, self.growth_rate, self.dropout_rate, self.norm, name=name
    )

  def _transition_up(self, new, skip, name):
    """A 3x3 transposed convolution of stride 2, beside the skip (Table 1)."""
    up = layers.ConvTranspose(
        new.shape[-1], 3, 2, kernel_init=he_uniform, name=name
    )(new)
    up = up[:, : skip.shape[1], : skip.shape[2]]
    return jnp.concatenate([up, skip], axis=-1)
