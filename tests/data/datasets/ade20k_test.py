"""ADE20K from its zip: 150 classes, 0 is void."""

import numpy as np
import pytest

from segjax import data
from tests.data.datasets import layouts

ZIP = "ADEChallengeData2016.zip"


def prepare(tmp_path, manual=None):
  manual = manual or tmp_path
  return data.datasets.prepare("ade20k", tmp_path / "data", manual)


@pytest.mark.parametrize("kind", ("zip", "folder", "inside"))
def test_labels_are_one_less_and_0_is_void(tmp_path, kind):
  if kind == "zip":
    layouts.write_zip(tmp_path / ZIP, layouts.ade20k())
  else:
    layouts.write_folder(tmp_path, layouts.ade20k())
  inside = tmp_path / "ADEChallengeData2016"
  builder = prepare(tmp_path, inside if kind == "inside" else None)
  counts = {k: v.num_examples for k, v in builder.info.splits.items()}
  assert counts == {"train": 2, "validation": 1}
  assert "train 2 (20210), validation 1 (2000)" in builder.notes[0]
  example = data.open("ade20k", "validation", tmp_path / "data")[0]
  assert example["id"] == "ADE_val_00000001"
  np.testing.assert_array_equal(
      example["label"], layouts.mask(data.VOID, 0, 74, 149)
  )


def test_a_label_beyond_150_is_named(tmp_path):
  files = layouts.ade20k()
  name = "ADEChallengeData2016/annotations/validation/ADE_val_00000001.png"
  files[name] = layouts.png(layouts.mask(151))
  layouts.write_zip(tmp_path / ZIP, files)
  with pytest.raises(
      ValueError, match=r"val_00000001.png has label 151; .*150"
  ):
    prepare(tmp_path)


def test_classes_are_those_of_the_benchmark():
  """Names and colours as its objectInfo150.txt and color150.mat have them."""
  labels = data.datasets.labels("ade20k")
  assert len(labels) == 150
  assert labels.names[:3] == ("wall", "building", "sky")
  assert labels.names[149] == "flag"
  lists = layouts.REAL / "lists"
  if not lists.exists():
    pytest.skip("needs ../shared/data/lists")
  import scipy.io

  rows = (lists / "ade20k_objectInfo150.txt").read_text().splitlines()[1:]
  names = [row.split("\t")[4].split(",")[0].strip() for row in rows]
  assert list(labels.names) == names
  colours = scipy.io.loadmat(lists / "ade20k_color150.mat")["colors"]
  np.testing.assert_array_equal(labels.palette, colours)
