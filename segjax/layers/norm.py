"""Normalisation layers, all called as `norm(x, train=train)`."""

from collections.abc import Callable

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

ModuleDef = Callable[..., nn.Module]
"""A class of modules, or a `functools.partial` of one."""


class BatchNorm(nn.Module):
  """Batch normalisation over n, h and w (Ioffe and Szegedy, arXiv:1502.03167).

  Under `jit` over a mesh the batch is the global one (SyncBN); under `pmap` it
  is the device's. Statistics are float32. The running variance is the unbiased
  one, as PyTorch keeps it.

  Attributes:
    momentum: share of the old running statistics that stays at each step
      (PyTorch's 0.1 is 0.9 here).
    epsilon: added to the variance.
    frozen: always use the running statistics and leave them, also when
      training. Scale and bias still learn.
    batch_statistics: always use the batch's own statistics, also when
      evaluating, as FC-DenseNet's authors do (arXiv:1611.09326, Sec. 4.1).
      Predictions then depend on the rest of the batch.

  Raises:
    ValueError: both `frozen` and `batch_statistics`.
  """

  momentum: float = 0.9
  epsilon: float = 1e-5
  frozen: bool = False
  batch_statistics: bool = False

  @nn.compact
  def __call__(
      self, x: Float[Array, "n *space c"], *, train: bool
  ) -> Float[Array, "n *space c"]:
    if self.frozen and self.batch_statistics:
      raise ValueError(
          "BatchNorm is either frozen or takes batch_statistics, not both"
      )
    shape = x.shape[-1:]
    scale = self.param("scale", nn.initializers.ones, shape)
    bias = self.param("bias", nn.initializers.zeros, shape)
    running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
    running_var = self.variable("batch_stats", "var", jnp.ones, shape)
    if (train and not self.frozen) or self.batch_statistics:
      axes = tuple(range(x.ndim - 1))
      x32 = x.astype(jnp.float32)
      mean = jnp.mean(x32, axes)
      var = jnp.maximum(jnp.mean(jnp.square(x32), axes) - jnp.square(mean), 0)
      if train and not self.is_initializing():
        count = x.size // x.shape[-1]
        unbiased = var * (count / max(count - 1, 1))
        keep = self.momentum
        running_mean.value = keep * running_mean.value + (1 - keep) * mean
        running_var.value = keep * running_var.value + (1 - keep) * unbiased
    else:
      mean, var = running_mean.value, running_var.value
    slope = jax.lax.rsqrt(var + self.epsilon) * scale.astype(jnp.float32)
    offset = bias.astype(jnp.float32) - mean * slope
    return (x * slope + offset).astype(x.dtype)


class GroupNorm(nn.Module):
  """Group normalisation (Wu and He, arXiv:1803.08494), the same in training.

  Attributes:
    groups: of channels; must divide their number.
    epsilon: added to the variance.
  """

  groups: int = 32
  epsilon: float = 1e-5

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> Float[Array, "n h w c"]:
    del train
    return nn.GroupNorm(self.groups, epsilon=self.epsilon, name="group")(x)


class Bias(nn.Module):
  """A bias, in a normalisation's place.

  It is what is left of a BatchNorm after a convolution that has taken in its
  slope; see `layers.fold`.
  """

  @nn.compact
  def __call__(
      self, x: Float[Array, "n *space c"], *, train: bool
  ) -> Float[Array, "n *space c"]:
    del train
    bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
    return x + bias.astype(x.dtype)


class Identity(nn.Module):
  """No normalisation, in a normalisation's place."""

  @nn.compact
  def __call__(
      self, x: Float[Array, "n *space c"], *, train: bool
  ) -> Float[Array, "n *space c"]:
    del train
    return x
