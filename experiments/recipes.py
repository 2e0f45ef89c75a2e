"""Loss and optimiser of a benchmark's training step, in words.

Our own are functions, which nobody else can read; a `Recipe` says enough for
another framework to make the same ones.
"""

from collections.abc import Callable, Mapping
import dataclasses
import re
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree
import ml_collections
import numpy as np
import optax

from experiments import build
from segjax import losses, types
from segjax.training import optimizer, step

HEADS = {
    "logits": 1.0,
    "aux": 0.4,  # configs/pspnet_voc.py
    "low": 0.4,  # configs/icnet_cityscapes.py
    "medium": 0.4,
    "soft_regions": 0.4,  # configs/ocrnet_cityscapes.py
    "aux16": 1.0,  # configs/bisenet_cityscapes.py
    "aux32": 1.0,
}
"""Outputs that a benchmark's loss reads, with the weights of the configs."""


@dataclasses.dataclass(frozen=True)
class Recipe:
  """Cross-entropy of some outputs, and SGD.

  Attributes:
    heads: output -> weight of its loss. None at all: the loss of a backbone,
      `features_loss`.
    class_weights: one per class, or none; `denominator` as in
      `losses.cross_entropy`.
    learning_rate: a number, or a function of the step.
    momentum: of SGD; the others are those of `optimizer.optimizer`.
  """

  heads: Mapping[str, float]
  class_weights: tuple[float, ...] = ()
  denominator: str = "valid"
  learning_rate: float | Callable[[int], Any] = 0.01
  momentum: float = 0.9
  nesterov: bool = False
  weight_decay: float = 1e-4
  decay_vectors: bool = False
  factors: tuple[tuple[str, float], ...] = ()

  def loss_fn(self) -> step.LossFn:
    """Our form of the loss."""
    if not self.heads:
      return features_loss
    return losses.combine(
        {k: (self._cross_entropy, weight) for k, weight in self.heads.items()}
    )

  def tx(self) -> optax.GradientTransformation:
    """Our form of the optimiser."""
    return optimizer.optimizer(
        "sgd",
        self.learning_rate,
        momentum=self.momentum,
        nesterov=self.nesterov,
        weight_decay=self.weight_decay,
        decay_vectors=self.decay_vectors,
        factors=self.factors,
    )

  def decays(self, params: PyTree) -> list[float]:
    """Each parameter's weight decay, in the order of the leaves."""
    return [
        self.weight_decay * (self.decay_vectors or leaf.ndim > 1)
        for leaf in jax.tree.leaves(params)
    ]

  def factor(self, path: str) -> float:
    """Of the learning rate of the parameter at this path."""
    found = [f for pattern, f in self.factors if re.search(pattern, path)]
    return float(np.prod(found))

  def _cross_entropy(self, logits, labels):
    weights = jnp.asarray(self.class_weights) if self.class_weights else None
    return losses.cross_entropy(
        logits, labels, weights=weights, denominator=self.denominator
    )


def of_outputs(outputs: types.Outputs) -> Recipe:
  """That of a network by what it returns; a backbone returns no logits."""
  if "logits" not in outputs:
    return Recipe({})
  return Recipe({k: weight for k, weight in HEADS.items() if k in outputs})


def of_config(config: ml_collections.ConfigDict) -> Recipe:
  """The loss and the optimiser that a config trains with.

  Raises:
    NotImplementedError: they are not cross-entropy and SGD.
  """
  loss, sgd = config.loss.to_dict(), config.optimizer.to_dict()
  heads = {"logits": 1.0} | loss.pop("aux", {})
  plain = {"name", "weights", "denominator"}
  more = [key for key in loss if key not in plain and loss[key]]
  more += [key for key, weight in heads.items() if isinstance(weight, dict)]
  if loss["name"] != "cross_entropy" or more:
    raise NotImplementedError(
        "PyTorch's side has cross-entropy alone, of as many outputs as you"
        f" like, and config.loss has {loss['name']}"
        f"{''.join(f', {key}' for key in more)}"
    )
  if sgd["name"] != "sgd" or sgd["clip_norm"] or config.accumulation_steps > 1:
    raise NotImplementedError(
        "PyTorch's side has SGD alone, without clipping or accumulation, and"
        f" config.optimizer is {sgd}, accumulation_steps"
        f" {config.accumulation_steps}"
    )
  factors = tuple(sgd["factors"])
  if sgd["head_factor"] != 1:
    factors = (*factors, optimizer.head_factor(sgd["head_factor"]))
  _, schedule = build.optimizer(config)
  same = ("momentum", "nesterov", "weight_decay", "decay_vectors")
  return Recipe(
      heads,
      tuple(loss.get("weights", ())),
      loss.get("denominator", "valid"),
      schedule,
      factors=factors,
      **{k: sgd[k] for k in same},
  )


def features_loss(
    outputs: types.Outputs, labels: Array
) -> tuple[Array, dict[str, Array]]:
  """For a backbone, which has no loss: the mean square of all its maps."""
  del labels
  return sum(jnp.mean(jnp.square(x)) for x in outputs.values()), {}
