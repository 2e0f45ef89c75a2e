"""ISBI 2012: one stack, split by position; test without labels."""

import numpy as np
import pytest

from segjax import data
from segjax.data.datasets import isbi2012
from tests.data.datasets import layouts

SLICES = [np.full((16, 16), 5 * i, np.uint8) for i in range(30)]
LABELS = [np.full((16, 16), 255 * (i % 2), np.uint8) for i in range(30)]


def write_stacks(root, slices=SLICES, labels=LABELS, test=True):
  files = {"train-volume.tif": layouts.tiff(slices)}
  files["train-labels.tif"] = layouts.tiff(labels)
  if test:
    files["test-volume.tif"] = layouts.tiff(slices[::-1])
  layouts.write_folder(root, files)


def write_pictures(root, names):
  images, labels, test, number = names
  for i in range(30):
    name = f"{number.format(i)}.png"
    files = {
        f"{images}/{name}": layouts.png(SLICES[i]),
        f"{labels}/{name}": layouts.png(LABELS[i]),
        f"{test}/{name}": layouts.png(SLICES[29 - i]),
    }
    layouts.write_folder(root, files)


TREES = {
    "stacks": None,
    "unet": ("data/membrane/train/image", "data/membrane/train/label",
             "data/membrane/test", "{}"),
    "pictures": ("train/images", "train/labels", "test/images", "{:02}"),
}  # fmt: skip


@pytest.mark.parametrize("tree", TREES)
def test_every_tree_gives_the_same_splits(tmp_path, tree):
  if tree == "stacks":
    write_stacks(tmp_path / "manual")
  else:
    write_pictures(tmp_path / "manual", TREES[tree])
  builder = data.datasets.prepare(
      "isbi2012", tmp_path / "data", tmp_path / "manual"
  )
  assert builder.notes == ()
  for split, count in isbi2012.Isbi2012.COUNTS.items():
    source = data.open("isbi2012", split, tmp_path / "data")
    assert len(source) == count
    for i in range(count):
      number = i + 24 * (split == "validation")
      grey = 5 * (29 - i if split == "test" else number)
      assert np.all(source[i]["image"] == grey)
      want = data.VOID if split == "test" else number % 2
      assert np.all(source[i]["label"] == want)
      assert source[i]["id"] == f"{number:02}"


def test_grey_in_the_labels_is_named(tmp_path):
  labels = [*LABELS[:7], np.full((16, 16), 128, np.uint8), *LABELS[8:]]
  write_stacks(tmp_path, labels=labels)
  with pytest.raises(ValueError, match=r"labels.tif/07.png has label 128"):
    data.datasets.prepare("isbi2012", tmp_path / "data", tmp_path)


def test_a_stack_cut_short_is_named(tmp_path):
  write_stacks(tmp_path)
  path = tmp_path / "train-volume.tif"
  path.write_bytes(path.read_bytes()[:3000])
  with pytest.raises(ValueError, match=r"train-volume.tif is damaged"):
    data.datasets.prepare("isbi2012", tmp_path / "data", tmp_path)


def test_slices_without_labels_are_named(tmp_path):
  write_stacks(tmp_path, labels=LABELS[:29])
  with pytest.raises(FileNotFoundError, match=r"29.png has no mask.*slice 29"):
    data.datasets.prepare("isbi2012", tmp_path / "data", tmp_path)


@pytest.mark.skipif(
    not (layouts.REAL / "isbi2012").exists(),
    reason="needs ../shared/data/isbi2012",
)
def test_the_real_slices(tmp_path):
  manual = layouts.REAL / "isbi2012"
  builder = data.datasets.prepare("isbi2012", tmp_path, manual)
  assert builder.notes == ()
  source = data.open("isbi2012", "train", tmp_path)
  assert set(source.sizes) == {(512, 512)}
  shares = [np.mean(source[i]["label"]) for i in range(len(source))]
  assert 0.7 < np.mean(shares) < 0.85  # Most of a slice is cells.
  dark = source[0]["image"][source[0]["label"] == 0].mean()
  assert dark < source[0]["image"][source[0]["label"] == 1].mean() - 20
