"""One loss of several outputs."""

from collections.abc import Callable, Mapping

import jax
from jaxtyping import Array, Float, Int

Loss = Callable[[jax.Array, jax.Array], jax.Array]
"""(logits, labels) -> scalar."""


def combine(
    terms: Mapping[str, tuple[Loss, float]],
) -> Callable[
    [Mapping[str, Array], Int[Array, "n h w"]],
    tuple[Float[Array, ""], dict[str, Array]],
]:
  """The weighted sum of losses on a model's outputs (deep supervision).

  `{"logits": (cross_entropy, 1.0), "aux": (cross_entropy, 0.4)}` is PSPNet's
  (arXiv:1612.01105, Sec. 3.3).

  Args:
    terms: output's name -> its loss and weight.

  Returns:
    A function (outputs, labels) -> (sum, {"loss": sum, "loss/<output>": each
    term before its weight}). It raises ValueError for an output that the model
    does not have.
  """
  terms = dict(terms)

  def loss_fn(outputs, labels):
    missing = sorted(set(terms) - set(outputs))
    if missing:
      raise ValueError(
          f"the loss asks for the outputs {missing}; the model has"
          f" {sorted(outputs)}"
      )
    values = {k: loss(outputs[k], labels) for k, (loss, _) in terms.items()}
    total = sum(weight * values[k] for k, (_, weight) in terms.items())
    return total, {"loss": total} | {f"loss/{k}": v for k, v in values.items()}

  return loss_fn
