"""Cross-entropy equals torch's, over the denominators that it names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import losses
from tests.losses import shared


@pytest.mark.parametrize(
    "weighted, label_smoothing", ((False, 0.0), (False, 0.1), (True, 0.0))
)
def test_it_equals_torch(weighted, label_smoothing):
  torch = pytest.importorskip("torch")
  logits, labels = shared.case()
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
  logits, labels = shared.case()
  valid = losses.cross_entropy(logits, labels)
  everything = losses.cross_entropy(logits, labels, denominator="all")
  share = float(jnp.mean(labels != 255))
  np.testing.assert_allclose(everything, valid * share, rtol=1e-6)
  with pytest.raises(ValueError, match="there are"):
    losses.cross_entropy(logits, labels, denominator="some")


@pytest.mark.parametrize("denominator", ("valid", "weight", "all"))
def test_no_label_gives_no_loss_and_no_gradient(denominator):
  logits, labels = shared.case()
  value, grad = jax.value_and_grad(losses.cross_entropy)(
      logits, jnp.full_like(labels, 255), denominator=denominator
  )
  assert float(value) == 0
  np.testing.assert_array_equal(grad, 0)


def test_a_labelled_pixel_has_a_gradient():
  logits, labels = shared.case()
  grad = jax.grad(losses.cross_entropy)(logits, labels)
  assert np.abs(np.asarray(grad)[np.asarray(labels != 255)]).min() > 0


def test_a_map_weighs_each_pixel_as_u_net_does():
  """The weighted sum of torch's losses of single pixels."""
  torch = pytest.importorskip("torch")
  logits, labels = shared.case()
  pixel_weights = jax.random.uniform(jax.random.key(2), labels.shape) * 10
  class_weights = np.array([0.2, 1.0, 3.0, 0.5], np.float32)
  each = torch.nn.functional.cross_entropy(
      torch.from_numpy(np.moveaxis(np.asarray(logits), -1, 1).copy()),
      torch.from_numpy(np.asarray(labels, np.int64)),
      weight=torch.from_numpy(class_weights),
      ignore_index=255,
      reduction="none",
  ).numpy()
  valid = np.asarray(labels != 255)
  want = (each * np.asarray(pixel_weights))[valid].sum()
  options = dict(weights=class_weights, pixel_weights=pixel_weights)
  got = losses.cross_entropy(logits, labels, **options)
  np.testing.assert_allclose(got, want / valid.sum(), rtol=1e-5)
  got = losses.cross_entropy(logits, labels, denominator="weight", **options)
  classes = np.where(valid, labels, 0)
  total = (class_weights[classes] * np.asarray(pixel_weights))[valid].sum()
  np.testing.assert_allclose(got, want / total, rtol=1e-5)


def test_void_pixels_need_no_weight():
  logits, labels = shared.case()
  pixel_weights = jnp.where(labels == 255, jnp.nan, 1.0)
  got = losses.cross_entropy(logits, labels, pixel_weights=pixel_weights)
  np.testing.assert_allclose(got, losses.cross_entropy(logits, labels))


def test_a_map_of_another_size_is_named():
  logits, labels = shared.case()
  with pytest.raises(ValueError, match=r"\(2, 5\) do not lie over labels"):
    losses.cross_entropy(logits, labels, pixel_weights=jnp.ones((2, 5)))
