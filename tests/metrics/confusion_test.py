"""Confusion counts against counting by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import metrics


def case():
  rng = np.random.default_rng(0)
  labels = rng.integers(0, 5, (2, 30, 40))
  labels[:, :4] = 255
  return labels, rng.integers(0, 5, labels.shape)


def test_counts_equal_numpys_bincount():
  labels, predictions = case()
  keep = labels != 255
  want = np.bincount(labels[keep] * 5 + predictions[keep], minlength=25)
  count = jax.jit(metrics.confusion_matrix, static_argnums=2)
  got = count(jnp.asarray(labels), jnp.asarray(predictions), 5)
  np.testing.assert_array_equal(got, want.reshape(5, 5))
  assert got.dtype == jnp.int32


def test_bytes_are_counted_as_numbers_are():
  labels, predictions = case()
  got = metrics.confusion_matrix(
      labels.astype(np.uint8), predictions.astype(np.uint8), 5
  )
  want = metrics.confusion_matrix(labels, predictions, 5)
  np.testing.assert_array_equal(got, want)


def test_counts_pass_the_end_of_float32():
  labels = jnp.zeros((1, 4100, 4100), jnp.uint8)
  counts = metrics.confusion_matrix(labels, labels, 2)
  assert int(counts[0, 0]) == 4100**2 > 2**24


def test_a_two_class_example_by_hand():
  counts = np.array([[3, 1], [2, 4]])
  np.testing.assert_allclose(metrics.iou(counts), [3 / 6, 4 / 7])
  assert metrics.pixel_accuracy(counts) == 0.7
  np.testing.assert_allclose(metrics.class_accuracy(counts), [3 / 4, 4 / 6])
  want = (4 * 3 / 6 + 6 * 4 / 7) / 10
  np.testing.assert_allclose(metrics.frequency_weighted_iou(counts), want)


def test_a_class_that_never_occurs_is_left_out_of_the_mean():
  counts = np.array([[4, 0, 0], [0, 4, 0], [0, 0, 0]])
  summary = metrics.summarize(counts, ("a", "b", "c"))
  assert summary["iou"] == {"a": 1.0, "b": 1.0, "c": None}
  assert summary["miou"] == summary["class_accuracy"] == 1.0


def test_a_class_that_is_only_predicted_counts_as_zero():
  """VOC's and Cityscapes' rule: a false positive makes a class occur."""
  counts = np.array([[3, 1], [0, 0]])
  summary = metrics.summarize(counts, ("a", "b"))
  assert summary["iou"] == {"a": 0.75, "b": 0.0}
  assert summary["miou"] == 0.375
  assert summary["class_accuracy"] == 0.75


def test_nothing_labelled_gives_no_figures():
  summary = metrics.summarize(np.zeros((2, 2), int), ("a", "b"))
  assert summary["miou"] is None
  assert summary["pixel_accuracy"] is None
  assert summary["fwiou"] is None


def test_names_must_fit_the_matrix():
  with pytest.raises(ValueError, match=r"\(2, 2\) confusion matrix for the 1"):
    metrics.summarize(np.zeros((2, 2), int), ("a",))
