"""Optimisers and learning rates, by name."""

from collections.abc import Sequence
import re

import jax
import jax.numpy as jnp
from jaxtyping import PyTree
import optax

SCHEDULES = ("poly", "cosine", "constant", "exponential")
OPTIMIZERS = ("sgd", "adamw", "rmsprop")


def schedule(
    name: str,
    peak: float,
    total_steps: int,
    *,
    power: float = 0.9,
    end: float = 0.0,
    warmup_steps: int = 0,
    decay_rate: float = 0.1,
    decay_steps: int = 1,
) -> optax.Schedule:
  """The learning rate at each step, counted from 0.

  A warm-up rises in equal steps from peak / warmup_steps to `peak`; from there
  the rate falls and, but for the last two, would reach `end` at `total_steps`:

    poly: end + (peak - end) t^power (Liu et al. 2015, arXiv:1506.04579), where
      t, the part of the way that is left, goes from 1 to 0
    cosine: end + (peak - end) (1 - cos(pi t)) / 2 (arXiv:1608.03983, Eq. 5)
    constant: peak
    exponential: end + (peak - end) decay_rate^k, where k counts the periods of
      `decay_steps`, such as epochs, that are over

  Raises:
    ValueError: another name, a warm-up longer than the run, or `decay_steps`
      less than 1.
  """
  if name not in SCHEDULES:
    raise ValueError(f"no schedule {name!r}; there are {', '.join(SCHEDULES)}")
  if not 0 <= warmup_steps <= total_steps:
    raise ValueError(
        f"warmup_steps = {warmup_steps} is not within 0 and total_steps ="
        f" {total_steps}"
    )
  if decay_steps < 1:
    raise ValueError(f"decay_steps = {decay_steps} must be at least 1")

  def rate(step):
    periods = jnp.maximum(step - warmup_steps, 0) // decay_steps
    left = (total_steps - step) / max(total_steps - warmup_steps, 1)
    left = jnp.clip(left, 0.0, 1.0)
    shape = {
        "poly": lambda: left**power,
        "cosine": lambda: (1 - jnp.cos(jnp.pi * left)) / 2,
        "constant": lambda: jnp.ones_like(left),
        "exponential": lambda: decay_rate ** periods.astype(jnp.float32),
    }[name]()
    rising = peak * (step + 1) / max(warmup_steps, 1)
    return jnp.where(step < warmup_steps, rising, end + (peak - end) * shape)

  return rate


def optimizer(
    name: str,
    learning_rate: optax.ScalarOrSchedule,
    *,
    momentum: float = 0.9,
    nesterov: bool = False,
    decay_rate: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    decay_vectors: bool = False,
    factors: Sequence[tuple[str, float]] = (),
    clip_norm: float = 0.0,
) -> optax.GradientTransformation:
  """An optimiser with PyTorch's arithmetic.

  Args:
    name: "sgd" (weight decay is added to the gradient), "adamw" (decoupled
      weight decay, arXiv:1711.05101), "rmsprop" (weight decay is added to the
      gradient; the momentum comes after the division).
    learning_rate: a number or a schedule.
    momentum: of SGD and RMSprop, and AdamW's beta_1.
    nesterov: SGD only.
    decay_rate: of the squared gradients: AdamW's beta_2, RMSprop's alpha.
    epsilon: added to the root of the squared gradients; not SGD.
    weight_decay: 0 for none.
    decay_vectors: whether biases and the scales and shifts of norms decay as
      well. They do in Caffe's and PyTorch's plain recipes.
    factors: (regular expression, factor) pairs. A parameter's learning rate is
      multiplied by the factor of each expression found in its path
      ("backbone/conv1/conv/kernel").
    clip_norm: the largest global norm of the gradient, 0 for any.

  Raises:
    ValueError: another name; in `init`, an expression of `factors` that is
      found in no path.
  """
  mask = lambda params: jax.tree.map(
      lambda p: decay_vectors or p.ndim > 1, params
  )
  decay = optax.add_decayed_weights(weight_decay, mask)
  match name:
    case "sgd":
      parts = [decay, optax.trace(momentum, nesterov)]
    case "adamw":
      parts = [optax.scale_by_adam(momentum, decay_rate, epsilon), decay]
    case "rmsprop":
      rms = optax.scale_by_rms(decay_rate, epsilon, eps_in_sqrt=False)
      parts = [decay, rms, optax.trace(momentum)]
    case _:
      raise ValueError(
          f"no optimizer {name!r}; there are {', '.join(OPTIMIZERS)}"
      )
  clip = [optax.clip_by_global_norm(clip_norm)] if clip_norm else []
  return optax.chain(
      *clip,
      *parts,
      _scale_by_path(factors),
      optax.scale_by_learning_rate(learning_rate),
  )


def head_factor(factor: float) -> tuple[str, float]:
  """A row of `factors`: everything outside the backbone learns faster."""
  return (r"^(?!backbone/)", factor)


def paths(tree: PyTree) -> list[str]:
  """The path of every leaf, in the order of `jax.tree.leaves`."""
  return [
      jax.tree_util.keystr(path, simple=True, separator="/")
      for path, _ in jax.tree_util.tree_leaves_with_path(tree)
  ]


def _scale_by_path(
    factors: Sequence[tuple[str, float]],
) -> optax.GradientTransformation:

  def init(params):
    for pattern, _ in factors:
      if not any(re.search(pattern, path) for path in paths(params)):
        raise ValueError(
            f"learning-rate factor: {pattern!r} is found in no parameter's"
            f" path, such as {paths(params)[0]}"
        )
    return optax.EmptyState()

  def update(updates, state, params=None):
    del params
    leaves, treedef = jax.tree.flatten(updates)
    for pattern, factor in factors:
      leaves = [
          leaf * factor if re.search(pattern, path) else leaf
          for leaf, path in zip(leaves, paths(updates))
      ]
    return jax.tree.unflatten(treedef, leaves), state

  return optax.GradientTransformation(init, update)
