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


def by_cityscapes(labels, predictions, num_classes):
  """IoUs as cityscapesScripts counts them, with loops over sets of pixels.

  All that is no class is ignored in the truth; a prediction of it is missed by
  the true class (a false negative) and is no class's false positive.
  """
  found = []
  labelled = labels < num_classes
  for c in range(num_classes):
    tp = np.sum(labelled & (labels == c) & (predictions == c))
    fn = np.sum(labelled & (labels == c) & (predictions != c))
    fp = np.sum(labelled & (labels != c) & (predictions == c))
    found.append(tp / (tp + fn + fp) if tp + fn + fp else np.nan)
  return np.array(found)


def awkward():
  """Classes 4 only predicted, 5 in neither; void in truth and prediction."""
  labels, predictions = case()
  labels = np.where(labels == 4, 3, labels)
  predictions[:, :, :6] = 255
  return labels, predictions


def test_void_predictions_count_as_cityscapes_counts_them():
  labels, predictions = awkward()
  counts = np.asarray(
      metrics.confusion_matrix(labels, predictions, 6, void_predictions=True)
  )
  assert counts.shape == (6, 7)
  want = by_cityscapes(labels, predictions, 6)
  np.testing.assert_allclose(metrics.iou(counts), want)
  summary = metrics.summarize(counts, tuple("abcdef"))
  np.testing.assert_allclose(summary["miou"], np.nanmean(want))
  assert summary["iou"]["e"] == 0
  assert summary["iou"]["f"] is None
  labelled = labels != 255
  right = (labels == predictions)[labelled]
  np.testing.assert_allclose(summary["pixel_accuracy"], right.mean())
  recall = [right[labels[labelled] == c].mean() for c in range(4)]
  np.testing.assert_allclose(summary["class_accuracy"], np.mean(recall))


def test_otherwise_void_predictions_count_nowhere():
  """As VOC's script, which knows none, would after their removal."""
  labels, predictions = awkward()
  counts = np.asarray(metrics.confusion_matrix(labels, predictions, 6))
  kept = (labels != 255) & (predictions != 255)
  want = by_cityscapes(np.where(kept, labels, 255), predictions, 6)
  np.testing.assert_allclose(metrics.iou(counts), want)
  assert counts.sum() == kept.sum()


def test_predictions_in_void_are_no_false_positives():
  """VOC counts the pixels whose truth is not 255, and no others."""
  labels = np.array([[[0, 0, 255, 255]]])
  predictions = np.array([[[0, 0, 1, 1]]])
  counts = np.asarray(metrics.confusion_matrix(labels, predictions, 2))
  summary = metrics.summarize(counts, ("a", "b"))
  assert summary["iou"] == {"a": 1.0, "b": None}
  assert summary["miou"] == 1.0


def test_the_mean_is_of_the_split_and_not_of_its_images():
  labels = np.array([[[0, 0, 0, 1]], [[1, 1, 1, 1]]])
  predictions = np.array([[[0, 0, 0, 0]], [[1, 1, 1, 1]]])
  one = metrics.confusion_matrix(labels, predictions, 2)
  parts = [
      metrics.confusion_matrix(labels[i : i + 1], predictions[i : i + 1], 2)
      for i in (0, 1)
  ]
  np.testing.assert_array_equal(one, parts[0] + parts[1])
  np.testing.assert_allclose(metrics.iou(np.asarray(one)), [3 / 4, 4 / 5])


def test_dice_is_the_harmonic_mean_of_precision_and_recall():
  counts = np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
  precision, recall = np.array([3 / 5, 4 / 5]), np.array([3 / 4, 4 / 6])
  want = 2 * precision * recall / (precision + recall)
  np.testing.assert_allclose(metrics.dice(counts), [*want, np.nan])
  summary = metrics.summarize(counts, ("a", "b", "c"))
  np.testing.assert_allclose(summary["mdice"], want.mean())


def test_means_may_be_over_some_classes():
  """The confusions with the others still count."""
  counts = np.array([[8, 1, 1], [2, 5, 0], [0, 3, 9]])
  names = ("a", "b", "c")
  summary = metrics.summarize(counts, names, ["c", "a"])
  every = metrics.summarize(counts, names)
  want = np.mean([8 / (8 + 2 + 2), 9 / (9 + 3 + 1)])
  np.testing.assert_allclose(summary["miou"], want)
  np.testing.assert_allclose(
      summary["class_accuracy"], np.mean([8 / 10, 9 / 12])
  )
  for key in ("iou", "pixel_accuracy", "fwiou"):
    assert summary[key] == every[key]
  with pytest.raises(ValueError, match=r"named 'd'; there are a, b, c"):
    metrics.summarize(counts, names, ["a", "d"])
