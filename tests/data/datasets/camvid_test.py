"""CamVid from folders: the real 11 classes, void and the absent test split."""

import numpy as np
import pytest

from segjax import data
from tests.data.datasets import layouts


@pytest.fixture
def manual(tmp_path):
  layouts.write_folder(tmp_path / "manual", layouts.camvid())
  return tmp_path / "manual"


def prepare(tmp_path, manual):
  return data.datasets.prepare("camvid", tmp_path / "data", manual)


def test_splits_ids_and_labels(tmp_path, manual):
  builder = prepare(tmp_path, manual)
  counts = {k: v.num_examples for k, v in builder.info.splits.items()}
  assert counts == {"train": 2, "validation": 1}
  absent, counts = builder.notes
  assert "test is left out" in absent
  assert counts == (
      "Images found (as published): train 2 (367), validation 1 (101)."
  )
  source = data.open("camvid", "train", tmp_path / "data")
  assert [source[i]["id"] for i in range(2)] == ["a_1", "a_2"]
  assert np.all(source[0]["image"] == (9, 80, 200))
  np.testing.assert_array_equal(
      source[0]["label"], layouts.mask(0, 5, 10, data.VOID)
  )
  assert source.sizes == [(12, 16)] * 2


def test_the_folder_of_the_tutorial_around_it_will_do(tmp_path):
  layouts.write_folder(tmp_path / "SegNet/CamVid", layouts.camvid())
  builder = prepare(tmp_path, tmp_path / "SegNet")
  assert builder.info.splits["train"].num_examples == 2


def test_the_classes_are_those_of_segnet():
  labels = data.datasets.labels("camvid")
  assert len(labels) == 11
  assert labels.names[0] == "sky"
  assert labels.names[10] == "bicyclist"
  assert labels.palette[3] == (128, 64, 128)


@pytest.mark.parametrize(
    "gone, message",
    [
        (
            "trainannot/a_2.png",
            r"train/a_2.png has no mask.*trainannot/a_2.png",
        ),
        ("train/a_2.png", r"trainannot/a_2.png is the mask of no image"),
    ],
)
def test_an_unpaired_file_is_an_error(tmp_path, manual, gone, message):
  (manual / gone).unlink()
  with pytest.raises(FileNotFoundError, match=message):
    prepare(tmp_path, manual)
  assert not (tmp_path / "data").exists()


def test_a_split_without_annotations_is_an_error(tmp_path, manual):
  (manual / "valannot/b_1.png").unlink()
  (manual / "valannot").rmdir()
  with pytest.raises(FileNotFoundError, match="has no valannot"):
    prepare(tmp_path, manual)


def test_an_empty_split_is_an_error(tmp_path, manual):
  for folder in ("val", "valannot"):
    (manual / folder / "b_1.png").unlink()
  with pytest.raises(FileNotFoundError, match="no image for split validation"):
    prepare(tmp_path, manual)


def test_a_folder_without_any_split_is_an_error(tmp_path):
  (tmp_path / "something").mkdir()
  with pytest.raises(FileNotFoundError, match="no train and no val and no tes"):
    prepare(tmp_path, tmp_path)


@pytest.mark.heavy
@pytest.mark.skipif(
    not (layouts.REAL / "camvid").exists(), reason="needs ../shared/data/camvid"
)
def test_the_real_frames(tmp_path):
  builder = prepare(tmp_path, layouts.REAL / "camvid")
  counts = {k: v.num_examples for k, v in builder.info.splits.items()}
  assert counts["train"] == 367
  assert counts["validation"] == 101
  source = data.open("camvid", "validation", tmp_path / "data")
  assert set(source.sizes) == {(360, 480)}
  values = np.unique([np.unique(source[i]["label"])[-1] for i in range(5)])
  assert values.tolist() == [data.VOID]
  # The road is at the bottom and the sky, where there is one, on top.
  road = [np.mean(source[i]["label"][300:] == 3) for i in range(0, 101, 10)]
  assert np.mean(road) > 0.5
