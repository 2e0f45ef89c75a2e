"""What a benchmark measures."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import recipes
from segjax import types
from segjax.training import step


@dataclasses.dataclass(frozen=True)
class Subject:
  """A network, and what one step of its training is made of.

  Attributes:
    name: as on the command line.
    model: the module.
    num_classes: that labels may have.
    loss_fn, tx, options: of `training.step.train_step`, the last its further
      keywords.
    dtype: of activations.
    recipe: says what `loss_fn` and `tx` are, for a peer; may raise
      NotImplementedError.
  """

  name: str
  model: nn.Module
  num_classes: int
  loss_fn: step.LossFn
  tx: optax.GradientTransformation
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  dtype: jnp.dtype = jnp.float32
  recipe: Callable[[], recipes.Recipe] | None = None


def is_exact(subject: Subject) -> bool:
  """Whether rounding is float32's own."""
  return subject.dtype == jnp.float32 and jax.default_backend() == "cpu"


def outputs(model: nn.Module) -> types.Outputs:
  """Shapes and types of what a network returns for a small image."""
  image = jax.ShapeDtypeStruct((1, 128, 128, 3), jnp.float32)
  run = lambda image: model.init_with_output(
      jax.random.key(0), image, train=False
  )[0]
  return jax.eval_shape(run, image)


def draw_variables(
    model: nn.Module, shape: tuple[int, ...], seed: int = 0
) -> types.Variables:
  """Weights that keep activations finite, faster than `model.init`.

  Kernels are He's normal ones (arXiv:1502.01852, Eq. 10); normalisations do
  nothing.
  """
  rng = np.random.default_rng(seed)
  init = functools.partial(model.init, train=False)
  image = jax.ShapeDtypeStruct(shape, jnp.float32)

  def draw(path, leaf):
    if path[-1].key == "kernel":
      scale = np.sqrt(2 / max(1, np.prod(leaf.shape[:-1])))
      return scale.astype(np.float32) * rng.standard_normal(
          leaf.shape, np.float32
      )
    ones = path[-1].key in ("scale", "var")
    return np.full(leaf.shape, float(ones), np.float32)

  variables = jax.eval_shape(init, jax.random.key(0), image)
  return jax.tree_util.tree_map_with_path(draw, variables)
