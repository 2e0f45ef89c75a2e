"""Losses of overlap against sums by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import losses
from tests.losses import shared


def by_hand(index, classes="present", per_image=False):
  """The mean of 1 - index(p, g) over classes, and perhaps over images."""
  logits, labels = shared.case()
  p = np.asarray(jax.nn.softmax(logits), np.float64)
  labels = np.asarray(labels)
  images = [[0], [1]] if per_image else [[0, 1]]
  rows = []
  for rows_of in images:
    valid = labels[rows_of] != 255
    truth, q = labels[rows_of][valid], p[rows_of][valid]
    kept = np.unique(truth) if classes == "present" else range(4)
    rows.append([1 - index(q[:, c], (truth == c) * 1.0) for c in kept])
  return np.mean([np.mean(row) for row in rows])


def tversky(p, g, alpha=0.3, beta=0.7):
  tp, fp, fn = (p * g).sum(), (p * (1 - g)).sum(), ((1 - p) * g).sum()
  return tp / (tp + alpha * fp + beta * fn)


INDICES = {
    "tversky": tversky,
    "dice": lambda p, g: 2 * (p * g).sum() / (p**2 + g**2).sum(),
    "iou": lambda p, g: (p * g).sum() / (p + g - p * g).sum(),
}


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize("classes", ("present", "all"))
@pytest.mark.parametrize("per_image", (False, True))
def test_it_is_the_papers_formula(name, classes, per_image):
  """Of four classes one never occurs, and some pixels are void."""
  want = by_hand(INDICES[name], classes, per_image)
  got = getattr(losses, name)(
      *shared.case(), classes=classes, per_image=per_image
  )
  np.testing.assert_allclose(got, want, rtol=1e-5)


def test_one_foreground_class_is_v_nets_dice():
  """Milletari et al., Sec. 3, of a binary map, with a weight of 0 for rest."""
  logits, labels = shared.case(2)
  labels = jnp.where(labels == 2, 1, labels)
  valid = np.asarray(labels) != 255
  p = np.asarray(jax.nn.softmax(logits), np.float64)[..., 1][valid]
  g = (np.asarray(labels) == 1)[valid]
  want = 1 - 2 * (p * g).sum() / ((p**2).sum() + (g**2).sum())
  got = losses.dice(logits, labels, weights=np.array([0.0, 1.0]))
  np.testing.assert_allclose(got, want, rtol=1e-5)


def test_tversky_holds_dice_and_iou():
  """Salehi et al., Sec. 2.2: alpha = beta = 1/2 is Dice, 1 is Jaccard."""
  logits, labels = shared.case()
  for half, other in (
      (0.5, functools.partial(losses.dice, squared=False)),
      (1.0, losses.iou),
  ):
    np.testing.assert_allclose(
        losses.tversky(logits, labels, alpha=half, beta=half),
        other(logits, labels),
        rtol=1e-6,
    )


def test_smoothing_is_in_pixels():
  logits, labels = shared.case()
  linear = functools.partial(losses.dice, squared=False, smooth=3.0)

  def index(p, g):
    return (2 * (p * g).sum() + 3) / (p.sum() + g.sum() + 3)

  np.testing.assert_allclose(linear(logits, labels), by_hand(index), rtol=1e-5)


def test_focal_tversky_takes_the_root_of_each_class():
  def index(p, g):
    return 1 - (1 - tversky(p, g)) ** 0.75

  got = losses.focal_tversky(*shared.case())
  np.testing.assert_allclose(got, by_hand(index), rtol=1e-5)


@pytest.mark.parametrize("name", (*INDICES, "focal_tversky"))
def test_a_perfect_map_has_no_loss_and_a_wrong_one_all(name):
  _, labels = shared.case()
  right = jax.nn.one_hot(jnp.where(labels == 255, 0, labels), 4) * 100
  loss = getattr(losses, name)
  np.testing.assert_allclose(loss(right, labels), 0, atol=1e-4)
  np.testing.assert_allclose(loss(-right, labels), 1, atol=1e-4)


def test_class_weights_weigh_the_mean_over_classes():
  logits, labels = shared.case()
  only = np.eye(4, dtype=np.float32)
  each = [losses.iou(logits, labels, weights=only[c]) for c in range(3)]
  weights = np.array([1.0, 2.0, 5.0, 9.0])  # The last class never occurs.
  got = losses.iou(logits, labels, weights=weights)
  np.testing.assert_allclose(
      got, np.dot(weights[:3], each) / weights[:3].sum(), rtol=1e-5
  )
