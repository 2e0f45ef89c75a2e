"""One loss of several outputs."""

from collections.abc import Callable, Mapping
import inspect

import jax
from jaxtyping import Array, Float, Int

Loss = Callable[..., jax.Array]
"""(output, labels) -> scalar; perhaps with a keyword `pixel_weights`."""


def combine(
    terms: Mapping[str, tuple[Loss, float]],
) -> Callable[..., tuple[Float[Array, ""], dict[str, Array]]]:
  """The weighted sum of losses on a model's outputs (deep supervision).

  `{"logits": (cross_entropy, 1.0), "aux": (cross_entropy, 0.4)}` is PSPNet's
  (arXiv:1612.01105, Sec. 3.3); EncNet adds `"presence": (presence, 0.2)`. A
  further loss of the same output has a name behind a slash: `"logits/dice"`.

  Args:
    terms: output's name -> its loss and weight.

  Returns:
    A function (outputs, labels, pixel_weights=None) -> (sum, {"loss": sum,
    "loss/<name>": each term before its weight}). A map of pixel weights (n, h,
    w) goes to each loss that has the keyword. It raises ValueError for an
    output that the model does not have, and for a map that no loss takes.
  """
  terms = dict(terms)
  outputs_of = {name: name.partition("/")[0] for name in terms}
  weighable = [
      name
      for name, (loss, _) in terms.items()
      if "pixel_weights" in inspect.signature(loss).parameters
  ]

  def loss_fn(
      outputs: Mapping[str, Array],
      labels: Int[Array, "n h w"],
      pixel_weights: Float[Array, "n h w"] | None = None,
  ):
    missing = sorted(set(outputs_of.values()) - set(outputs))
    if missing:
      raise ValueError(
          f"the loss asks for the outputs {missing}; the model has"
          f" {sorted(outputs)}"
      )
    if pixel_weights is not None and not weighable:
      raise ValueError(
          f"the batch weighs its pixels, but none of the losses on"
          f" {sorted(terms)} takes pixel_weights; cross_entropy does"
      )
    values = {}
    for name, (loss, _) in terms.items():
      options = {}
      if pixel_weights is not None and name in weighable:
        options["pixel_weights"] = pixel_weights
      values[name] = loss(outputs[outputs_of[name]], labels, **options)
    total = sum(weight * values[k] for k, (_, weight) in terms.items())
    return total, {"loss": total} | {f"loss/{k}": v for k, v in values.items()}

  return loss_fn
