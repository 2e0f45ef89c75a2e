"""The Lovasz extension against its definition by sets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import losses
from segjax.losses import lovasz
from tests.losses import shared


def jaccard_loss(wrong, truth):
  """|M| / |truth or M| for a set M of wrong pixels (the paper's Eq. 6)."""
  return wrong.sum() / max((truth | wrong).sum(), 1)


def extension(errors, truth):
  """Definition 1 of the paper: worst pixels first, one set after the other."""
  wrong = np.zeros(len(errors), bool)
  total = before = 0.0
  for i in np.argsort(-errors):
    wrong[i] = True
    after = jaccard_loss(wrong, truth)
    total += errors[i] * (after - before)
    before = after
  return total


def mean_of_classes(p, labels, classes):
  valid = labels != 255
  truth, q = labels[valid], p[valid]
  kept = np.unique(truth) if classes == "present" else range(p.shape[-1])
  values = [extension(abs((truth == c) - q[:, c]), truth == c) for c in kept]
  return np.mean(values)


@pytest.mark.parametrize("classes", ("present", "all"))
@pytest.mark.parametrize("per_image", (False, True))
def test_softmax_is_the_extension_of_each_classs_errors(classes, per_image):
  logits, labels = shared.case()
  p, truth = np.asarray(jax.nn.softmax(logits), np.float64), np.asarray(labels)
  if per_image:
    want = np.mean([mean_of_classes(p[i], truth[i], classes) for i in (0, 1)])
  else:
    want = mean_of_classes(p, truth, classes)
  got = losses.lovasz_softmax(
      logits, labels, classes=classes, per_image=per_image
  )
  np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("per_image", (False, True))
def test_hinge_is_the_extension_of_hinge_errors(per_image):
  logits, labels = shared.binary()
  scores, truth = np.asarray(logits[..., 0], np.float64), np.asarray(labels)
  errors = np.maximum(1 - scores * (2.0 * (truth == 1) - 1), 0)
  want = []
  for rows in ([0], [1]) if per_image else ([0, 1],):
    valid = truth[rows] != 255
    want.append(extension(errors[rows][valid], truth[rows][valid] == 1))
  got = losses.lovasz_hinge(logits, labels, per_image=per_image)
  np.testing.assert_allclose(got, np.mean(want), rtol=1e-5)


def test_two_channels_are_one_score():
  logits, labels = shared.binary()
  two = jnp.concatenate([jnp.full_like(logits, 3.0), logits + 3], -1)
  np.testing.assert_allclose(
      losses.lovasz_hinge(two, labels),
      losses.lovasz_hinge(logits, labels),
      rtol=1e-5,
  )


def test_of_hard_decisions_it_is_one_minus_the_mean_iou():
  """The extension equals what it extends at the corners (Proposition 3)."""
  _, labels = shared.case()
  guess = jnp.roll(jnp.where(labels == 255, 1, labels), 1, axis=2)
  got = losses.lovasz_softmax(jax.nn.one_hot(guess, 4) * 200, labels)
  valid = np.asarray(labels) != 255
  truth, guess = np.asarray(labels)[valid], np.asarray(guess)[valid]
  ious = [
      ((truth == c) & (guess == c)).sum() / ((truth == c) | (guess == c)).sum()
      for c in np.unique(truth)
  ]
  np.testing.assert_allclose(got, 1 - np.mean(ious), rtol=1e-5)


def test_slopes_of_millions_of_pixels_sum_to_one():
  """In float32, differences of almost equal ratios would not."""
  size = 3_000_000
  errors = jax.random.uniform(jax.random.key(0), (size,))
  truth = jax.random.bernoulli(jax.random.key(1), 0.3, (size,))
  slope = np.asarray(lovasz._slope(errors, truth, jnp.ones(size, bool)))
  np.testing.assert_allclose(slope.sum(dtype=np.float64), 1, rtol=1e-5)
  assert slope.min() >= 0
  order = np.argsort(-np.asarray(errors))
  inside = np.asarray(truth)[order].cumsum()
  outside = (~np.asarray(truth)[order]).cumsum()
  loss = 1 - (inside[-1] - inside) / (inside[-1] + outside)
  want = np.diff(loss, prepend=0)
  np.testing.assert_allclose(slope[order], want, rtol=1e-3, atol=1e-12)
