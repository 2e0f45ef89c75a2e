"""Losses equal torch's, ignore what is not labelled, and never give NaN."""

import jax
from jax import test_util
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import losses


def case(void=True):
  keys = jax.random.split(jax.random.key(0))
  logits = jax.random.normal(keys[0], (2, 5, 7, 4)) * 3
  labels = jax.random.randint(keys[1], (2, 5, 7), 0, 4)
  return logits, labels.at[:, :2, 3].set(255) if void else labels


@pytest.mark.parametrize(
    "weighted, label_smoothing", ((False, 0.0), (False, 0.1), (True, 0.0))
)
def test_cross_entropy_equals_torch(weighted, label_smoothing):
  torch = pytest.importorskip("torch")
  logits, labels = case()
  weights = np.array([0.2, 1.0, 3.0, 0.5], np.float32) if weighted else None
  want = torch.nn.functional.cross_entropy(
      torch.from_numpy(np.moveaxis(np.asarray(logits), -1, 1).copy()),
      torch.from_numpy(np.asarray(labels, np.int64)),
      weight=torch.from_numpy(weights) if weighted else None,
      ignore_index=255,
      label_smoothing=label_smoothing,
  )
  got = losses.cross_entropy(
      logits,
      labels,
      weights=weights,
      denominator="weight",
      label_smoothing=label_smoothing,
  )
  np.testing.assert_allclose(got, want.item(), rtol=1e-5)


def test_denominators_count_what_they_say():
  logits, labels = case()
  valid = losses.cross_entropy(logits, labels)
  everything = losses.cross_entropy(logits, labels, denominator="all")
  share = float(jnp.mean(labels != 255))
  np.testing.assert_allclose(everything, valid * share, rtol=1e-6)


@pytest.mark.parametrize("denominator", ("valid", "weight", "all"))
def test_no_label_gives_no_loss_and_no_gradient(denominator):
  logits, labels = case()
  value, grad = jax.value_and_grad(losses.cross_entropy)(
      logits, jnp.full_like(labels, 255), denominator=denominator
  )
  assert float(value) == 0
  np.testing.assert_array_equal(grad, 0)


def test_a_void_pixel_has_no_gradient():
  logits, labels = case()
  grad = jax.grad(losses.cross_entropy)(logits, labels)
  void = np.asarray(labels == 255)
  np.testing.assert_array_equal(np.asarray(grad)[void], 0)
  assert np.abs(np.asarray(grad)[~void]).min() > 0


def test_gradient_is_the_finite_difference():
  logits, labels = case()
  test_util.check_grads(
      lambda x: losses.cross_entropy(x, labels, weights=jnp.arange(4.0)),
      (logits,),
      order=1,
      modes=("rev",),
      rtol=1e-2,
  )


def test_half_precision_logits_are_summed_in_float32():
  logits, labels = case()
  half = logits.astype(jnp.bfloat16)
  got = losses.cross_entropy(half, labels)
  want = losses.cross_entropy(half.astype(jnp.float32), labels)
  assert got.dtype == jnp.float32
  assert float(got) == float(want)


def test_terms_are_weighted_and_reported():
  logits, labels = case()
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


def test_an_output_that_is_not_there_is_named():
  loss_fn = losses.combine({"aux2": (losses.cross_entropy, 1.0)})
  with pytest.raises(ValueError, match=r"\['aux2'\]; the model has \['logits'"):
    loss_fn({"logits": jnp.zeros((1, 2, 2, 3))}, jnp.zeros((1, 2, 2), int))


def test_shapes_that_do_not_fit_are_named():
  with pytest.raises(ValueError, match=r"\(1, 2, 2, 3\) do not lie over"):
    losses.cross_entropy(jnp.zeros((1, 2, 2, 3)), jnp.zeros((1, 4, 4), int))
