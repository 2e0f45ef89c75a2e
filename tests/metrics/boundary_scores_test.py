"""Scores of a split are those of its images, summed."""

import json

import jax
import jax.numpy as jnp
import numpy as np

from segjax import metrics
from tests.metrics import boundary_test

NAMES = ("a", "b", "c", "d")


def test_a_split_is_the_sum_of_its_images():
  images = [boundary_test.noise(seed) for seed in range(3)]
  images[0] = tuple(np.where(m == 3, 0, m) for m in images[0])
  scores = metrics.BoundaryScores(NAMES, tolerance=0.02, widths=(2, 9))
  for label, guess in images:
    scores.add(label, guess)
  summary = scores.summarize()
  f1 = [metrics.boundary_f1(*pair, 4, tolerance=0.02) for pair in images]
  np.testing.assert_allclose(
      summary["boundary_f1"], np.mean([np.nanmean(f) for f in f1])
  )
  np.testing.assert_allclose(
      list(summary["boundary_by_class"]["f1"].values()), np.nanmean(f1, axis=0)
  )
  assert np.isnan(f1[0][3])
  counts = sum(metrics.boundary_iou_counts(*pair, 4) for pair in images)
  np.testing.assert_allclose(
      summary["boundary_iou"], metrics.boundary_iou(counts).mean()
  )
  counts = sum(metrics.trimap_counts(*p, 4, widths=(2, 9)) for p in images)
  np.testing.assert_allclose(
      list(summary["trimap_miou"].values()), metrics.trimap_iou(counts)
  )
  assert list(summary["trimap_miou"]) == ["2", "9"]


def test_a_batch_is_its_images_without_what_pads_them():
  label, guess = boundary_test.noise()
  h, w = label.shape
  batch = {
      "label": np.full((2, 32, 32), 255, np.uint8),
      "valid": np.array([True, False]),
      "size": np.array([[h, w], [0, 0]], np.int32),
  }
  batch["label"][0, :h, :w] = label
  predictions = jnp.zeros((2, 32, 32), int).at[0, :h, :w].set(guess)
  one, other = metrics.BoundaryScores(NAMES), metrics.BoundaryScores(NAMES)
  one.add(label, guess)
  other.add_batch(batch, predictions)
  jax.tree.map(np.testing.assert_array_equal, one.totals, other.totals)
  assert one.totals["images"] == 1


def test_nothing_gives_no_figures_but_a_report():
  scores = metrics.BoundaryScores(NAMES)
  scores.add(np.full((4, 4), 255), np.zeros((4, 4), int))
  summary = scores.summarize()
  assert summary["boundary_f1"] is None
  assert summary["boundary_iou"] is None
  assert set(summary["trimap_miou"].values()) == {None}
  json.dumps(summary)
