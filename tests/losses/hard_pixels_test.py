"""Hard pixels are those that sorting by hand finds."""

import functools

import jax
import numpy as np
import pytest

from segjax import losses
from tests.losses import shared


def each():
  """The cross-entropy of each labelled pixel, one array per image."""
  logits, labels = shared.case()
  log_p = np.asarray(jax.nn.log_softmax(logits), np.float64)
  nats = -np.take_along_axis(
      log_p, np.where(labels == 255, 0, labels)[..., None], -1
  )[..., 0]
  valid = np.asarray(labels) != 255
  return [row[keep] for row, keep in zip(nats, valid)]


@pytest.mark.parametrize(
    "threshold, min_kept",
    ((0.3, 0), (0.3, 10), (0.01, 10), (0.0, 0), (1.0, 0), (0.2, 10_000)),
)
def test_ohem_keeps_what_is_below_the_threshold_and_the_hardest(
    threshold, min_kept
):
  nats = np.sort(np.concatenate(each()))[::-1]
  count = max((np.exp(-nats) <= threshold).sum(), min(2 * min_kept, nats.size))
  want = nats[:count].mean() if count else 0
  got = losses.ohem_cross_entropy(
      *shared.case(), threshold=threshold, min_kept=min_kept
  )
  np.testing.assert_allclose(got, want, rtol=1e-5)


def test_ohem_equals_torch_on_the_pixels_that_it_keeps():
  """The pixels below the threshold are 255 to torch's cross-entropy."""
  torch = pytest.importorskip("torch")
  logits, labels = shared.case()
  rows = torch.from_numpy(np.array(logits)).reshape(-1, 4)
  truth = torch.from_numpy(np.asarray(labels, np.int64)).reshape(-1)
  valid = truth != 255
  p = torch.softmax(rows, 1)[torch.arange(len(truth)), truth * valid]
  p = p.masked_fill(~valid, 1)
  threshold = max(0.05, float(p.sort()[0][11]))
  kept = truth.masked_fill(p > threshold, 255)
  want = torch.nn.functional.cross_entropy(rows, kept, ignore_index=255)
  got = losses.ohem_cross_entropy(logits, labels, threshold=0.05, min_kept=6)
  np.testing.assert_allclose(got, want.item(), rtol=1e-5)


@pytest.mark.parametrize("pixels", (1, 7, 20, 10_000))
def test_bootstrapping_takes_the_worst_of_each_image(pixels):
  """FRRN, Sec. 4: K of each image, not of the batch."""
  want = np.mean([np.sort(n)[::-1][:pixels].mean() for n in each()])
  got = losses.bootstrapped_cross_entropy(*shared.case(), pixels=pixels)
  np.testing.assert_allclose(got, want, rtol=1e-5)


def test_all_pixels_are_cross_entropy():
  """Of two images with as many labels, where nothing is easy enough."""
  logits, labels = shared.case()
  want = losses.cross_entropy(logits, labels)
  for loss in (
      functools.partial(losses.ohem_cross_entropy, threshold=1.0),
      functools.partial(losses.bootstrapped_cross_entropy, pixels=35),
  ):
    np.testing.assert_allclose(loss(logits, labels), want, rtol=1e-6)


@pytest.mark.parametrize(
    "loss",
    (
        functools.partial(losses.ohem_cross_entropy, min_kept=3, threshold=0.0),
        functools.partial(losses.bootstrapped_cross_entropy, pixels=3),
    ),
)
def test_only_hard_pixels_have_a_gradient(loss):
  grad = jax.grad(loss)(*shared.case())
  assert np.count_nonzero(np.abs(grad).sum(-1)) == 6
