"""COCO-Stuff: two releases that number the same 171 classes differently."""

import ast

import numpy as np
import pytest

from segjax import data
from tests.data.datasets import layouts

ZIP = "cocostuff-10k-v1.1.zip"


def write(tmp_path, packed=True):
  parts = {year: layouts.coco_images(year) for year in layouts.COCO}
  parts["stuffthingmaps_trainval2017"] = layouts.coco_stuff_maps()
  for name, files in parts.items():
    if packed:
      layouts.write_zip(tmp_path / f"{name}.zip", files)
    else:
      home = "annotations" if name.startswith("stuff") else "images"
      layouts.write_folder(tmp_path / home, files)


def prepare(tmp_path, name="coco_stuff"):
  return data.datasets.prepare(name, tmp_path / "data", tmp_path)


def counts(builder):
  return {k: v.num_examples for k, v in builder.info.splits.items()}


@pytest.mark.parametrize("packed", (True, False))
def test_the_maps_of_164k_are_labels_less_one(tmp_path, packed):
  write(tmp_path, packed)
  builder = prepare(tmp_path)
  assert counts(builder) == {"train": 3, "validation": 2}
  assert "train 3 (118287), validation 2 (5000)" in builder.notes[0]
  example = data.open("coco_stuff/164k", "validation", tmp_path / "data")[1]
  assert example["id"] == "000000000285"
  np.testing.assert_array_equal(
      example["label"], layouts.mask(0, 79, 80, 170, data.VOID)
  )


def test_the_same_labels_of_10k_get_the_same_train_ids(tmp_path):
  layouts.write_zip(tmp_path / ZIP, layouts.coco_stuff_10k())
  builder = prepare(tmp_path, "coco_stuff/10k")
  assert counts(builder) == {"train": 1, "validation": 1}
  assert "train 1 (9000), validation 1 (1000)" in builder.notes[0]
  example = data.open("coco_stuff/10k", "train", tmp_path / "data")[0]
  assert example["id"] == "COCO_train2014_000000000077"
  np.testing.assert_array_equal(
      example["label"], layouts.mask(data.VOID, 0, 79, 80, 170)
  )


@pytest.mark.parametrize("inside", ("", "cocostuff-10k-v1.1/"))
def test_10k_may_lie_in_a_folder_of_its_own(tmp_path, inside):
  files = {inside + k: v for k, v in layouts.coco_stuff_10k().items()}
  layouts.write_zip(tmp_path / ZIP, files)
  assert counts(prepare(tmp_path, "coco_stuff/10k"))["train"] == 1


def test_a_thing_that_nobody_outlined_is_no_label(tmp_path):
  """12, street sign: 11 in the maps."""
  write(tmp_path)
  path = tmp_path / "stuffthingmaps_trainval2017.zip"
  path.unlink()
  files = layouts.coco_stuff_maps()
  files["val2017/000000000139.png"] = layouts.png(layouts.mask(11))
  layouts.write_zip(path, files)
  with pytest.raises(
      ValueError, match=r"000000000139.png has label 11; possib"
  ):
    prepare(tmp_path)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"x" * 300, "not an intact .mat file with S"),
        (
            layouts.matrix("T", layouts.mask(1)),
            "not an intact .mat file with S",
        ),
        (layouts.matrix("S", layouts.mask(1) / 2), "S is float64"),
        (layouts.matrix("S", layouts.mask(1)[None]), "S is uint8 "),
        (layouts.matrix("S", layouts.mask(183)), "has label 183"),
        (layouts.matrix("S", layouts.mask(1).astype("int16") - 4), "label -3"),
    ],
)
def test_a_bad_annotation_of_10k_is_named(tmp_path, content, message):
  files = layouts.coco_stuff_10k()
  files["annotations/COCO_train2014_000000000400.mat"] = content
  layouts.write_zip(tmp_path / ZIP, files)
  with pytest.raises(ValueError, match=f"000000000400.mat.*{message}"):
    prepare(tmp_path, "coco_stuff/10k")


def test_a_mat_file_that_inflates_without_end_is_refused(tmp_path, monkeypatch):
  files = layouts.coco_stuff_10k()
  bomb = np.zeros((3000, 3000), np.uint8)
  files["annotations/COCO_train2014_000000000400.mat"] = layouts.matrix(
      "S", bomb
  )
  layouts.write_zip(tmp_path / ZIP, files)
  monkeypatch.setattr(data.datasets.codecs, "_MAX_MATLAB", 1 << 20)
  with pytest.raises(
      ValueError, match=r"000400.mat.*inflates to more than 1048"
  ):
    prepare(tmp_path, "coco_stuff/10k")


def test_classes_are_those_of_the_release():
  labels = data.datasets.labels("coco_stuff")
  assert len(labels) == 80 + 91
  assert labels.names[79:81] == ("toothbrush", "banner")
  lists = layouts.REAL / "lists"
  if not lists.exists():
    pytest.skip("needs ../shared/data/lists")
  text = (lists / "cocostuff164k_id_to_trainid.txt").read_text()
  table = ast.literal_eval(text.partition("=")[2].strip())
  builder = data.datasets.builder("coco_stuff", "/dev/null")
  assert table == builder.TRAIN_IDS
  rows = (lists / "cocostuff_labels.txt").read_text().splitlines()
  names = dict(row.split(": ") for row in rows)
  for value, train_id in table.items():
    if value != data.VOID:
      assert labels.names[train_id] == names[str(value + 1)]


def test_the_palette_tells_classes_apart():
  palette = data.datasets.labels("coco_stuff").palette
  assert len(set(palette)) == 171
