"""One training step, a pure function."""

from collections.abc import Callable

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree
import optax

from segjax import types
from segjax.training import remat as remat_lib
from segjax.training import state as state_lib

Metrics = dict[str, Float[Array, ""]]
LossFn = Callable[..., tuple[Float[Array, ""], Metrics]]
"""(outputs, labels) or, of weighted pixels, (outputs, labels, weights)."""


def train_step(
    state: state_lib.TrainState,
    batch: types.Batch,
    rng: jax.Array,
    *,
    model: nn.Module,
    loss_fn: LossFn,
    tx: optax.GradientTransformation,
    preprocess: Callable[[Array], Array] = lambda image: image,
    schedule: optax.Schedule | None = None,
    dtype: jnp.dtype = jnp.float32,
    remat: str = "",
    microbatches: int = 1,
    ema_decay: float = 0.0,
) -> tuple[state_lib.TrainState, Metrics]:
  """One update; the same (state, batch, rng) always gives the same result.

  Args:
    state: not changed.
    batch: `image` uint8 (n, h, w, 3) and `label` uint8 (n, h, w); if it has a
      `weight` (n, h, w), the loss weighs each pixel by it.
    rng: of the whole run; the step folds its own number in.
    model: called with `train=True`.
    loss_fn: (outputs, labels) -> (loss, terms to report); `losses.combine`.
    tx: the optimiser.
    preprocess: makes the images what the model expects.
    schedule: reports the learning rate, which `tx` knows by itself.
    dtype: of the forward and the backward pass; weights and images are cast
      once, while master weights, gradients and statistics stay float32.
    remat: a regular expression of submodules to recompute, and what they keep;
      see `remat.stages`.
    microbatches: into how many parts the batch is cut to save memory; see
      `_in_microbatches`.
    ema_decay: of the moving average in `state.ema`, which starts faster:
      min(ema_decay, (1 + step) / (10 + step)), as TensorFlow's does.

  Returns:
    The next state and the metrics: `loss`, its terms, `grad_norm` (before any
    clipping), `param_norm` (after the update) and `learning_rate`.
  """
  rng = jax.random.fold_in(rng, state.step)

  def forward(params, batch_stats, image, rng):
    with remat_lib.stages(remat):
      outputs, updates = model.apply(
          {"params": _cast(params, dtype), "batch_stats": batch_stats},
          preprocess(image).astype(dtype),
          train=True,
          mutable=["batch_stats"],
          rngs={"dropout": rng},
      )
    return outputs, updates.get("batch_stats", batch_stats)

  if microbatches > 1:
    forward = _in_microbatches(forward, microbatches)

  def objective(params):
    outputs, batch_stats = forward(
        params, state.batch_stats, batch["image"], rng
    )
    weight = (batch["weight"],) if "weight" in batch else ()
    loss, terms = loss_fn(outputs, batch["label"].astype(jnp.int32), *weight)
    return loss, ({"loss": loss} | terms, batch_stats)

  grads, (metrics, batch_stats) = jax.grad(objective, has_aux=True)(
      state.params
  )
  updates, opt_state = tx.update(grads, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  metrics["grad_norm"] = optax.global_norm(grads)
  metrics["param_norm"] = optax.global_norm(params)
  if schedule is not None:
    metrics["learning_rate"] = jnp.asarray(schedule(state.step), jnp.float32)
  ema = state.ema
  if ema is not None:
    decay = jnp.minimum(ema_decay, (1 + state.step) / (10 + state.step))
    latest = {"params": params, "batch_stats": batch_stats}
    ema = optax.incremental_update(latest, ema, 1 - decay)
  state = state_lib.TrainState(
      state.step + 1, params, batch_stats, opt_state, ema
  )
  return state, metrics


def _cast(tree: PyTree, dtype: jnp.dtype) -> PyTree:
  return jax.tree.map(
      lambda x: x.astype(dtype) if jnp.issubdtype(x, jnp.floating) else x, tree
  )


def _in_microbatches(forward, count: int):
  """`forward` that holds the activations of one part of the batch at a time.

  Only the forward pass is cut, and the backward pass recomputes each part: the
  loss sees the whole batch, so that one which does not average over pixels
  (valid pixels as denominator, OHEM, Dice, Lovasz) and its gradient are those
  of the large batch. It costs a second forward pass. BatchNorm normalises
  each part by itself and updates its statistics once per part.
  """

  def whole(params, batch_stats, image, rng):
    n = image.shape[0]
    if n % count:
      raise ValueError(
          f"a batch of {n} images cannot be cut into {count} equal parts"
      )

    def part(batch_stats, inputs):
      i, image = inputs
      outputs, batch_stats = forward(
          params, batch_stats, image, jax.random.fold_in(rng, i)
      )
      return batch_stats, outputs

    # Part i takes rows i, i + count, ...: a batch that lies on several
    # devices is cut without a row changing its device.
    parts = image.reshape(n // count, count, *image.shape[1:]).swapaxes(0, 1)
    batch_stats, outputs = jax.lax.scan(
        jax.checkpoint(part), batch_stats, (jnp.arange(count), parts)
    )
    return (
        jax.tree.map(
            lambda x: x.swapaxes(0, 1).reshape(n, *x.shape[2:]), outputs
        ),
        batch_stats,
    )

  return whole
