"""What a training run remembers from one step to the next."""

import functools
from typing import Any

from flax import linen as nn
from flax import struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree
import optax

from segjax import types


@struct.dataclass
class TrainState:
  """All that a run is, besides its config and its seed.

  Attributes:
    step: updates done so far; the step to do next draws from
      `fold_in(rng, step)`.
    params: master weights, float32.
    batch_stats: running statistics of BatchNorm, empty for a model without.
    opt_state: of the optax transformation.
    ema: moving averages of `params` and `batch_stats` under these names, or
      None where the run keeps none.
  """

  step: Int[Array, ""]
  params: PyTree
  batch_stats: PyTree
  opt_state: optax.OptState
  ema: dict[str, Any] | None = None

  @property
  def variables(self) -> types.Variables:
    """What the model is evaluated with: the averages, if there are any."""
    if self.ema is not None:
      return self.ema
    return {"params": self.params, "batch_stats": self.batch_stats}


def init_state(
    model: nn.Module,
    tx: optax.GradientTransformation,
    rng: jax.Array,
    image_shape: tuple[int, ...],
    *,
    ema: bool = False,
    sharding: jax.sharding.Sharding | None = None,
) -> TrainState:
  """A fresh state, made in one compiled call and placed by `sharding`.

  `image_shape` is (n, h, w, c); the weights do not depend on n, h and w, and
  XLA drops the forward pass.
  """
  init = functools.partial(_init, model, tx, image_shape, ema)
  # LLVM at its best takes ten times as long for what runs once.
  quick = {"xla_backend_optimization_level": 1}
  return jax.jit(
      init,
      out_shardings=sharding,
      compiler_options=quick if jax.default_backend() == "cpu" else None,
  )(rng)


def abstract_state(
    model: nn.Module,
    tx: optax.GradientTransformation,
    image_shape: tuple[int, ...],
    *,
    ema: bool = False,
    sharding: jax.sharding.Sharding | None = None,
) -> TrainState:
  """`init_state` without arrays: shapes, types and where each should lie."""
  init = functools.partial(_init, model, tx, image_shape, ema)
  state = jax.eval_shape(init, jax.random.key(0))
  return jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), state
  )


def _init(model, tx, image_shape, ema, rng) -> TrainState:
  variables = model.init(rng, jnp.zeros(image_shape), train=False)
  params = variables["params"]
  batch_stats = variables.get("batch_stats", {})
  averages = {"params": params, "batch_stats": batch_stats} if ema else None
  return TrainState(
      jnp.zeros((), jnp.int32), params, batch_stats, tx.init(params), averages
  )
