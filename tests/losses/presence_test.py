"""EncNet's loss of the classes in an image."""

import jax
import numpy as np
import pytest

from segjax import losses
from segjax.losses.presence import present
from tests.losses import shared


def test_it_equals_torch_on_the_classes_that_unique_finds():
  torch = pytest.importorskip("torch")
  logits = jax.random.normal(jax.random.key(3), (2, 4))
  _, labels = shared.case()
  targets = np.zeros((2, 4), np.float32)
  for i, label in enumerate(np.asarray(labels)):
    targets[i, np.setdiff1d(np.unique(label), [255])] = 1
  want = torch.nn.functional.binary_cross_entropy_with_logits(
      torch.from_numpy(np.array(logits)), torch.from_numpy(targets)
  )
  np.testing.assert_allclose(
      losses.presence(logits, labels), want.item(), rtol=1e-5
  )


def test_a_single_pixel_makes_a_class_present():
  """SE-loss counts big and small objects alike (Sec. 3.1)."""
  labels = np.zeros((2, 9, 9), np.uint8)
  labels[0, 4, 4], labels[1, :2] = 2, 255
  np.testing.assert_array_equal(
      present(labels, 3), [[True, False, True], [True, False, False]]
  )


def test_void_is_no_class_even_where_there_are_256():
  labels = np.full((1, 2, 2), 255, np.uint8)
  labels[0, 0, 0] = 254
  there = np.asarray(present(labels, 256))[0]
  assert there[254]
  assert there.sum() == 1
