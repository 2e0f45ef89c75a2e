"""What holds for each loss: void, nothing labelled, gradients, precision."""

import jax
from jax import test_util
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import losses
from tests.losses import shared

EVERY = shared.every()
PIXELS = {k: v for k, v in EVERY.items() if k != "presence"}
NOT_LOSSES = {"border_labels", "combine", "weights"}


@pytest.fixture(params=EVERY)
def case(request):
  loss, logits, labels = EVERY[request.param]
  return jax.jit(loss), logits, labels


def test_every_loss_is_tested():
  tested = {getattr(loss, "func", loss) for loss, _, _ in EVERY.values()}
  names = set(losses.__all__) - NOT_LOSSES
  assert tested == {getattr(losses, name) for name in names}


def test_it_is_one_finite_positive_float32(case):
  loss, logits, labels = case
  value = loss(logits, labels)
  assert value.shape == ()
  assert value.dtype == jnp.float32
  assert 0 < value < 100


def test_nothing_labelled_gives_0_without_a_gradient(case):
  loss, logits, labels = case
  value, grad = jax.value_and_grad(loss)(logits, jnp.full_like(labels, 255))
  assert float(value) == 0
  np.testing.assert_array_equal(grad, 0)


def test_the_gradient_is_the_finite_difference(case):
  loss, logits, labels = case
  grad = jax.grad(loss)(logits, labels)
  assert np.abs(grad).max() > 0
  test_util.check_grads(
      lambda x: loss(x, labels),
      (logits,),
      order=1,
      modes=("rev",),
      atol=2e-3,
      rtol=2e-2,
      eps=1e-3,
  )


def test_half_precision_logits_are_summed_in_float32(case):
  loss, logits, labels = case
  half = logits.astype(jnp.bfloat16)
  got = loss(half, labels)
  assert got.dtype == jnp.float32
  np.testing.assert_allclose(
      got, loss(half.astype(jnp.float32), labels), rtol=1e-6
  )


def test_huge_logits_give_a_finite_gradient(case):
  """A sure network, right in some places and wrong in others."""
  loss, logits, labels = case
  value, grad = jax.value_and_grad(loss)(logits * 1e3, labels)
  assert np.isfinite(value)
  assert np.isfinite(grad).all()


@pytest.mark.parametrize("name", PIXELS)
def test_a_void_pixel_counts_for_nothing(name):
  """Its logits may be anything, and it has no gradient."""
  loss, logits, labels = PIXELS[name]
  void = np.asarray(labels == 255)
  other = jnp.where(void[..., None], 7 - 3 * logits, logits)
  value, grad = jax.value_and_grad(loss)(logits, labels)
  np.testing.assert_allclose(loss(other, labels), value, rtol=1e-6)
  np.testing.assert_array_equal(np.asarray(grad)[void], 0)


@pytest.mark.parametrize("name", PIXELS)
def test_an_image_without_labels_changes_no_mean(name):
  loss, logits, labels = PIXELS[name]
  more = jnp.concatenate([labels, jnp.full_like(labels[:1], 255)])
  logits = jnp.concatenate([logits, logits[:1]])
  if name == "ohem":  # Its floor is a number of pixels per image.
    got = losses.ohem_cross_entropy(logits[:2], labels, min_kept=12)
    want = losses.ohem_cross_entropy(logits, more, min_kept=8)
  else:
    got, want = loss(logits, more), loss(logits[:2], labels)
  np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("name", PIXELS)
def test_shapes_that_do_not_fit_are_named(name):
  loss, logits, labels = PIXELS[name]
  with pytest.raises(ValueError, match=r"\(2, 5, 6, \d\) do not lie over"):
    loss(logits[:, :, 1:], labels)


@pytest.mark.parametrize(
    "name, options, message",
    (
        ("ohem_cross_entropy", dict(threshold=1.5), "threshold is 0 to 1"),
        ("ohem_cross_entropy", dict(min_kept=-1), "min_kept at least 0"),
        ("bootstrapped_cross_entropy", dict(pixels=0), "at least 1, not 0"),
        ("focal", dict(gamma=-1), "gamma is at least 0, not -1"),
        ("dice", dict(classes="every"), "there are .'present', 'all'"),
        ("tversky", dict(alpha=-0.1), "are at least 0, not -0.1, 0.7, 0.0"),
        ("focal_tversky", dict(gamma=0), "gamma is above 0, not 0"),
        ("lovasz_softmax", dict(classes="some"), "classes is 'some'"),
        ("lovasz_hinge", {}, "1 channel, or 2, not 4"),
        ("border", {}, "1 channel, or 2, not 4"),
        ("presence", {}, r"must be \(n, k\), one row per image"),
    ),
)
def test_what_cannot_be_is_named(name, options, message):
  with pytest.raises(ValueError, match=message):
    getattr(losses, name)(*shared.case(), **options)
