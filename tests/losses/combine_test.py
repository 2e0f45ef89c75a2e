"""Losses of several outputs become one."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from segjax import losses
from tests.losses import shared


def test_terms_are_weighted_and_reported():
  logits, labels = shared.case()
  loss_fn = losses.combine(
      {
          "logits": (losses.cross_entropy, 1.0),
          "aux": (losses.cross_entropy, 0.4),
      }
  )
  total, terms = loss_fn({"logits": logits, "aux": -logits}, labels)
  want = terms["loss/logits"] + 0.4 * terms["loss/aux"]
  np.testing.assert_allclose(total, want, rtol=1e-6)
  assert set(terms) == {"loss", "loss/logits", "loss/aux"}


def test_each_output_has_its_own_loss_and_one_may_have_two():
  logits, labels = shared.case()
  outputs = {
      "logits": logits,
      "presence": logits[:, 0, 0],
      "border": logits[..., :1],
  }
  total, terms = losses.combine(
      {
          "logits": (losses.cross_entropy, 1.0),
          "logits/dice": (losses.dice, 0.5),
          "presence": (losses.presence, 0.2),
          "border": (functools.partial(losses.border, radius=1), 0.1),
      }
  )(outputs, labels)
  want = {
      "logits": losses.cross_entropy(logits, labels),
      "logits/dice": losses.dice(logits, labels),
      "presence": losses.presence(outputs["presence"], labels),
      "border": losses.border(outputs["border"], labels, radius=1),
  }
  for name, value in want.items():
    np.testing.assert_allclose(terms[f"loss/{name}"], value, rtol=1e-6)
  weights = (1.0, 0.5, 0.2, 0.1)
  np.testing.assert_allclose(
      total, np.dot(weights, list(want.values())), rtol=1e-6
  )


def test_a_map_of_weights_goes_to_the_losses_that_take_one():
  logits, labels = shared.case()
  loss_fn = losses.combine(
      {
          "logits": (losses.cross_entropy, 1.0),
          "aux": (functools.partial(losses.cross_entropy), 1.0),
          "aux/dice": (losses.dice, 1.0),
      }
  )
  outputs = {"logits": logits, "aux": logits}
  twice = jnp.full(labels.shape, 2.0)
  _, plain = loss_fn(outputs, labels)
  _, terms = loss_fn(outputs, labels, twice)
  for name, factor in (("logits", 2), ("aux", 2), ("aux/dice", 1)):
    np.testing.assert_allclose(
        terms[f"loss/{name}"], factor * plain[f"loss/{name}"], rtol=1e-6
    )


def test_a_map_that_nobody_takes_is_an_error():
  logits, labels = shared.case()
  loss_fn = losses.combine({"logits": (losses.dice, 1.0)})
  with pytest.raises(ValueError, match=r"none of the losses on \['logits'\]"):
    loss_fn({"logits": logits}, labels, jnp.ones(labels.shape))


def test_an_output_that_is_not_there_is_named():
  loss_fn = losses.combine({"aux2": (losses.cross_entropy, 1.0)})
  with pytest.raises(ValueError, match=r"\['aux2'\]; the model has \['logits'"):
    loss_fn({"logits": jnp.zeros((1, 2, 2, 3))}, jnp.zeros((1, 2, 2), int))
