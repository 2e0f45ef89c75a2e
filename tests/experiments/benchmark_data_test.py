"""`experiments.benchmark_data` measures the same work on both sides."""

import random

import cv2
import numpy as np
import pytest

from experiments import data_peer, measure_data
from segjax import data

KIND = measure_data.Kind((60, 80), ".png", (40, 50), 6, 2)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
  folder = tmp_path_factory.mktemp("files") / "tiny"
  return measure_data.measure(KIND, folder, 0, 1, 0.2)


def test_rates_are_those_of_the_sides(found):
  rates = found["examples_per_second_per_core"]
  assert set(rates) == set(measure_data.SIDES)
  for side in measure_data.SIDES[1:]:
    ratio = rates["ours"]["median"] / rates[side]["median"]
    assert found["our_rate_over_theirs"][side] == ratio
  assert all(0 < r["min"] <= r["median"] <= r["max"] for r in rates.values())


def test_stages_are_all_of_the_time(found):
  shares = found["share_of_stages"]
  assert abs(sum(shares.values()) - 1) < 1e-6
  assert min(shares.values()) > 0


def test_ours_brings_a_fifth_of_the_bytes_to_the_device(found):
  """uint8 images and labels, against float32 and int64."""
  sizes = found["bytes_to_device_per_image"]
  pixels = 40 * 50
  assert sizes["ours"] == sizes["peer, uint8"] == 4 * pixels
  assert sizes["peer"] == (3 * 4 + 8) * pixels


def test_both_read_the_same_scene(tmp_path):
  pairs = measure_data.write_files(KIND, tmp_path)
  example = measure_data.Files(pairs)[3]
  peer = data_peer.Files(pairs, (60, 80), normalize=False)
  random.seed(0)
  still = data.Augment((60, 80), scale=(1, 1), flip=False)
  ours = still(np.random.default_rng(0), example)
  image = cv2.imread(str(pairs[3][0]), cv2.IMREAD_COLOR)[..., ::-1]
  np.testing.assert_array_equal(ours["image"], image)
  theirs = {peer[3][1].numpy().tobytes() for _ in range(20)}
  assert len(theirs) > 5  # And augments it.


def test_the_peers_crop_shows_image_and_label_of_one_place():
  y, x = np.mgrid[:96, :128]
  image = np.stack([2 * x, 2 * y, y * 0 + 200], -1).astype(np.uint8)
  label = (x // 8).astype(np.uint8)
  random.seed(1)
  for _ in range(10):
    out, part = data_peer.augment(image, label, (64, 64))
    keep = (part != 255) & (np.abs(out[..., 2].astype(int) - 200) <= 1)
    distance = np.abs(out[..., 0] / 2 - (8 * part.astype(float) + 3.5))
    assert np.all(distance[keep] <= 4 + 2 / 0.5)
    assert keep.any()


def test_memory_stays_flat(tmp_path):
  found = measure_data.memory(KIND, tmp_path / "files", 1, 20)
  assert len(found["mib_after_epochs"]) == 20
  assert found["growth_mib"] < 8
