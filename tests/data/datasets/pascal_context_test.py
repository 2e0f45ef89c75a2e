"""PASCAL-Context: 59 of 459 classes, the rest void or background."""

import numpy as np
import pytest

from segjax import data
from tests.data.datasets import layouts

TAR, TGZ = "VOCtrainval_03-May-2010.tar", "trainval.tar.gz"


def write(tmp_path, masks=None):
  layouts.write_tar(tmp_path / TAR, layouts.voc2010())
  layouts.write_tar(tmp_path / TGZ, masks or layouts.pascal_context(), "w:gz")


def prepare(tmp_path, name="pascal_context"):
  return data.datasets.prepare(name, tmp_path / "data", tmp_path)


@pytest.mark.parametrize(
    "name, rest, first",
    [
        ("pascal_context", data.VOID, 0),
        ("pascal_context/59", data.VOID, 0),
        ("pascal_context/60", 0, 1),
    ],
)
def test_the_rest_is_void_or_background(tmp_path, name, rest, first):
  write(tmp_path)
  builder = prepare(tmp_path, name)
  assert "train 1 (4998), validation 1 (5105)" in builder.notes[0]
  example = data.open(name, "validation", tmp_path / "data")[0]
  assert example["id"] == "2008_000003"
  plane, wood = first, first + 58
  want = layouts.mask(plane, wood, rest, rest)
  want[:, -1] = rest
  np.testing.assert_array_equal(example["label"], want)
  labels = data.datasets.labels(name)
  assert labels.names[plane] == "aeroplane"
  assert labels.names[wood] == "wood"


def test_unpacked_folders_will_do(tmp_path):
  layouts.write_folder(tmp_path, layouts.voc2010())
  layouts.write_folder(tmp_path, layouts.pascal_context())
  counts = prepare(tmp_path).info.splits
  assert counts["train"].num_examples == 1


def test_a_listed_image_without_mask_is_named(tmp_path):
  write(tmp_path, layouts.pascal_context(ids=("2008_000002",)))
  with pytest.raises(FileNotFoundError, match=r"gz has no 2008_000003.mat"):
    prepare(tmp_path)


def test_a_label_beyond_459_is_named(tmp_path):
  masks = layouts.pascal_context()
  label = np.full((12, 16), 460, np.uint16)
  masks["trainval/2008_000003.mat"] = layouts.matrix("LabelMap", label)
  write(tmp_path, masks)
  with pytest.raises(ValueError, match=r"3.mat has label 460; .*0\.\.459"):
    prepare(tmp_path)


def test_classes_are_those_of_the_lists():
  """In the order of 59_labels.txt, by their numbers in labels.txt."""
  lists = layouts.REAL / "lists"
  if not lists.exists():
    pytest.skip("needs ../shared/data/lists")
  read = lambda name: [
      row.partition(":")[::2] for row in (lists / name).read_text().splitlines()
  ]
  names = [n.strip() for _, n in read("pascal_context_classes-59.txt")]
  labels = data.datasets.labels("pascal_context/60")
  assert list(labels.names) == names
  numbers = {n.replace(" ", ""): int(i) for i, n in read(
      "pascal_context_classes-400.txt")}  # fmt: skip
  # Three classes are called differently in the two lists.
  other = {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth"}
  builder = data.datasets.builder("pascal_context/60", "/dev/null")
  for train_id, name in enumerate(names[1:], start=1):
    assert builder.TRAIN_IDS[numbers[other.get(name, name)]] == train_id
  assert sorted(builder.TRAIN_IDS) == list(range(460))
