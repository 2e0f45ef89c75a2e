"""The focal loss against its formula."""

import jax
import numpy as np
import pytest

from segjax import losses
from tests.losses import shared


@pytest.mark.parametrize("gamma", (0.0, 0.5, 2.0, 5.0))
def test_it_is_the_papers_formula(gamma):
  """-alpha (1 - p)**gamma log p, arXiv:1708.02002, Eq. 5."""
  logits, labels = shared.case()
  weights = np.array([0.2, 1.0, 3.0, 0.5])
  valid = np.asarray(labels != 255)
  classes = np.where(valid, labels, 0)
  p = np.asarray(jax.nn.softmax(logits), np.float64)
  p = np.take_along_axis(p, classes[..., None], -1)[..., 0]
  each = -weights[classes] * (1 - p) ** gamma * np.log(p)
  got = losses.focal(logits, labels, gamma=gamma, weights=weights)
  np.testing.assert_allclose(got, each[valid].mean(), rtol=1e-5)


def test_without_focus_it_is_cross_entropy():
  got = losses.focal(*shared.case(), gamma=0.0)
  want = losses.cross_entropy(*shared.case())
  np.testing.assert_allclose(got, want, rtol=1e-6)


def test_a_sure_pixel_weighs_a_hundredth_of_its_cross_entropy():
  """Sec. 3.2: p = 0.9 and gamma 2 lower the loss by a factor of 100."""
  logits = np.log(np.array([[[[0.9, 0.1]]]], np.float32))
  labels = np.zeros((1, 1, 1), int)
  ratio = losses.cross_entropy(logits, labels) / losses.focal(logits, labels)
  np.testing.assert_allclose(ratio, 100, rtol=1e-4)
