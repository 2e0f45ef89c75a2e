"""SUN RGB-D: labels are numbered through both splits, test first."""

import numpy as np
import pytest

from segjax import data
from tests.data.datasets import layouts

NAMES = (
    "SUNRGBD-train_images",
    "SUNRGBD-test_images",
    "sunrgbd_train_test_labels",
)
SUFFIXES = (".tgz", ".tgz", ".tar.gz")


def write(tmp_path, packed=True, drop=None):
  for name, suffix, files in zip(NAMES, SUFFIXES, layouts.sunrgbd()):
    files.pop(drop, None)
    if packed:
      layouts.write_tar(tmp_path / (name + suffix), files, "w:gz")
    else:
      layouts.write_folder(tmp_path / name, files)


def prepare(tmp_path):
  return data.datasets.prepare("sunrgbd", tmp_path / "data", tmp_path)


@pytest.mark.parametrize("packed", (True, False))
def test_train_labels_begin_behind_those_of_test(tmp_path, packed):
  write(tmp_path, packed)
  builder = prepare(tmp_path)
  assert "train 2 (5285), test 3 (5050)" in builder.notes[0]
  train = data.open("sunrgbd", "train", tmp_path / "data")
  test = data.open("sunrgbd", "test", tmp_path / "data")
  assert (len(train), len(test)) == (2, 3)
  assert train[1]["id"] == "train_000002"
  mask = layouts.mask
  np.testing.assert_array_equal(train[1]["label"], mask(data.VOID, 31))
  np.testing.assert_array_equal(test[2]["label"], mask(data.VOID, 2))


def test_an_image_without_labels_is_named(tmp_path):
  write(tmp_path, drop="img-005052.png")
  with pytest.raises(
      FileNotFoundError, match=r"000002.jpg has no .*005052.png"
  ):
    prepare(tmp_path)


def test_the_37_classes_are_those_of_the_benchmark():
  labels = data.datasets.labels("sunrgbd")
  assert len(labels) == 37
  assert labels.names[0] == "wall"
  assert labels.names[36] == "bag"
  path = layouts.REAL / "lists" / "sunrgbd37_classes.txt"
  if not path.exists():
    pytest.skip("needs ../shared/data/lists")
  assert "\n".join(labels.names) == path.read_text().strip().replace("_", " ")
