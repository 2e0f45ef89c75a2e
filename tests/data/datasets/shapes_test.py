"""Synthetic scenes: deterministic, of any number of classes, learnable."""

import numpy as np
import pytest

from segjax import data
from segjax.data.datasets import scenes

SMALL = dict(size=(32, 40), train=6, validation=3, test=2)


def prepare(tmp_path, **options):
  return data.datasets.prepare("shapes", tmp_path, **SMALL | options)


def read(tmp_path, split="train", **options):
  source = data.open("shapes", split, tmp_path, **SMALL | options)
  return [source[i] for i in range(len(source))]


def test_splits_have_the_sizes_asked_for(tmp_path):
  builder = prepare(tmp_path)
  counts = {k: v.num_examples for k, v in builder.info.splits.items()}
  assert counts == {"train": 6, "validation": 3, "test": 2}
  for example in read(tmp_path):
    assert example["image"].shape == (32, 40, 3)
    assert example["label"].shape == (32, 40)
    assert example["label"].max() < 6


def test_a_scene_depends_on_seed_split_and_index_alone(tmp_path):
  prepare(tmp_path / "a")
  prepare(tmp_path / "b", train=3)
  long, short = read(tmp_path / "a"), read(tmp_path / "b", train=3)
  for a, b in zip(short, long[:3]):
    np.testing.assert_array_equal(a["image"], b["image"])
    np.testing.assert_array_equal(a["label"], b["label"])
  prepare(tmp_path / "a", seed=1)
  others = [*read(tmp_path / "a", "validation"), *read(tmp_path / "a", seed=1)]
  for a in others:
    assert not any(np.array_equal(a["image"], b["image"]) for b in long)


def test_options_have_folders_of_their_own(tmp_path):
  for options in ({}, {"num_classes": 9}, {"hint": 0.25}, {"size": 48}):
    prepare(tmp_path, **options)
  assert read(tmp_path, size=48)[0]["image"].shape == (48, 48, 3)
  assert read(tmp_path)[0]["image"].shape == (32, 40, 3)


@pytest.mark.parametrize("num_classes", (2, 6, 11, 30, 255))
def test_any_number_of_classes_is_named_coloured_and_painted(num_classes):
  labels = data.datasets.labels("shapes", num_classes=num_classes)
  assert len(labels) == num_classes
  assert labels.names[0] == "background"
  rng, seen = np.random.default_rng(0), set()
  for _ in range(20 + 2 * num_classes):
    _, label = scenes.paint(rng, (32, 32), num_classes, 0.5)
    seen |= set(np.unique(label).tolist())
  assert max(seen) < num_classes
  assert len(seen) > 0.85 * num_classes


def test_forms_differ_whatever_the_turn():
  """No two of the first ten forms cover each other, as large as they are."""
  size, centre = (96, 96), np.array([48, 48])

  def silhouettes(kind, turns):
    return np.stack(
        [
            scenes.silhouette(kind, size, angle=a, radius=40, centre=centre)
            for a in np.linspace(0, 2 * np.pi, turns, endpoint=False)
        ]
    )

  for kind in range(10):
    still = silhouettes(kind, 1)
    assert still.any()
    for other in range(kind):
      turned = silhouettes(other, 60)
      overlap = (still & turned).sum((1, 2)) / (still | turned).sum((1, 2))
      assert overlap.max() < 0.85, (kind, other)


def test_a_ring_shows_what_is_behind_it():
  ring = scenes.silhouette(
      4, (64, 64), angle=0, radius=28, centre=np.array([32, 32])
  )
  assert scenes.form(4)[0] == "ring"
  assert not ring[32, 32]
  assert ring[32, 10]


def test_hint_is_the_share_of_objects_in_their_own_hue():
  """Without a hint the hue says nothing, with it nearly all."""
  palette = np.array(scenes.label_set(6).palette[1:]) / 255
  hits = {}
  for hint in (0, 1):
    right = []
    for seed in range(60):
      image, label = scenes.paint(
          np.random.default_rng(seed), (48, 48), 6, hint
      )
      for kind in np.unique(label[label > 0]):
        colour = image[label == kind].mean(0)
        colour = colour / np.linalg.norm(colour)
        near = palette / np.linalg.norm(palette, axis=1, keepdims=True)
        right.append(np.argmax(near @ colour) == kind - 1)
    hits[hint] = np.mean(right)
  assert hits[0] < 0.35
  assert hits[1] > 0.8


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(num_classes=1), "2 to 255"),
        (dict(num_classes=256), "2 to 255"),
        (dict(size=8), "size"),
        (dict(size=(32, 32, 3)), "size"),
        (dict(train=0), "at least one"),
        (dict(seed=-1), "seed"),
        (dict(hint=2), "hint"),
        (dict(classes=3), "no option 'classes'; it has num_classes"),
    ],
)
def test_refuses_impossible_scenes(tmp_path, options, message):
  with pytest.raises(ValueError, match=message):
    prepare(tmp_path, **options)
  assert not any(tmp_path.iterdir())
