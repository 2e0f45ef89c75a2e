"""VOC 2012 from the tar, with SBD's masks from the tgz; also unpacked."""

import numpy as np
import pytest

from segjax import data
from tests.data.datasets import layouts

TAR, TGZ = "VOCtrainval_11-May-2012.tar", "benchmark.tgz"


def write(tmp_path, voc=None, sbd=None):
  layouts.write_tar(tmp_path / TAR, voc or layouts.voc(more=SBD_ONLY))
  layouts.write_tar(tmp_path / TGZ, sbd or layouts.sbd(), "w:gz")


SBD_ONLY = ("2008_000003", "2008_000004")


def prepare(tmp_path):
  return data.datasets.prepare("voc2012", tmp_path / "data", tmp_path)


def ids(tmp_path, split):
  source = data.open("voc2012", split, tmp_path / "data")
  return [source[i]["id"] for i in range(len(source))]


def test_train_aug_is_both_without_the_validation_images(tmp_path):
  write(tmp_path)
  builder = prepare(tmp_path)
  (counts,) = builder.notes
  assert "train 2 (1464), validation 1 (1449), train_aug 4 (10582)" in counts
  assert ids(tmp_path, "train") == ["2007_000001", "2007_000002"]
  assert ids(tmp_path, "validation") == ["2007_000009"]
  assert ids(tmp_path, "train_aug") == [
      "2007_000001",  # VOC's own.
      "2007_000002",  # In both: VOC's mask.
      *SBD_ONLY,
  ]
  source = data.open("voc2012", "train_aug", tmp_path / "data")
  official, sbd = layouts.mask(0, 20, 255), layouts.mask(0, 7)
  np.testing.assert_array_equal(source[1]["label"], official)
  np.testing.assert_array_equal(source[2]["label"], sbd)


def test_palette_masks_give_indices(tmp_path):
  """OpenCV alone would make colours of them."""
  write(tmp_path)
  prepare(tmp_path)
  source = data.open("voc2012", "validation", tmp_path / "data")
  assert source[0]["label"].shape == (12, 16)
  np.testing.assert_array_equal(source[0]["label"], layouts.mask(0, 20, 255))


@pytest.mark.parametrize("inside", ("", "VOCdevkit", "VOCdevkit/VOC2012"))
def test_unpacked_folders_will_do(tmp_path, inside):
  layouts.write_folder(tmp_path / "x", layouts.voc(more=SBD_ONLY))
  manual = tmp_path / "x" / inside
  layouts.write_folder(manual, layouts.sbd())
  builder = data.datasets.prepare("voc2012", tmp_path / "data", manual)
  counts = {k: v.num_examples for k, v in builder.info.splits.items()}
  assert counts == {"train": 2, "validation": 1, "train_aug": 4}


def test_without_sbd_there_is_no_train_aug_and_a_note(tmp_path):
  layouts.write_tar(tmp_path / TAR, layouts.voc())
  builder = prepare(tmp_path)
  assert "train_aug is left out" in builder.notes[0]
  with pytest.raises(ValueError, match=r"train_aug.*it has train, validation"):
    data.open("voc2012", "train_aug", tmp_path / "data")


@pytest.mark.parametrize("packed", (True, False))
def test_the_test_images_have_no_labels(tmp_path, packed):
  write(tmp_path)
  files = layouts.voc_test()
  if packed:
    layouts.write_tar(tmp_path / "VOC2012test.tar", files)
  else:
    (tmp_path / TAR).unlink()
    layouts.write_folder(tmp_path, layouts.voc(more=SBD_ONLY) | files)
  prepare(tmp_path)
  assert ids(tmp_path, "test") == ["2008_000001", "2008_000002"]
  source = data.open("voc2012", "test", tmp_path / "data")
  assert np.all(source[0]["label"] == data.VOID)
  assert source[0]["label"].shape == (12, 16)
  assert source.sizes == [(12, 16)] * 2


def test_a_test_image_that_the_list_names_is_missed(tmp_path):
  write(tmp_path)
  files = layouts.voc_test()
  del files["VOCdevkit/VOC2012/JPEGImages/2008_000002.jpg"]
  layouts.write_tar(tmp_path / "VOC2012test.tar", files)
  with pytest.raises(FileNotFoundError, match=r"test.tar has no .*_000002.jpg"):
    prepare(tmp_path)


def test_trainval_is_a_sum_of_splits(tmp_path):
  write(tmp_path)
  prepare(tmp_path)
  assert len(ids(tmp_path, "train+validation")) == 3


def test_overwrite_adds_what_has_come_since(tmp_path):
  layouts.write_tar(tmp_path / TAR, layouts.voc(more=SBD_ONLY))
  prepare(tmp_path)
  layouts.write_tar(tmp_path / TGZ, layouts.sbd(), "w:gz")
  builder = data.datasets.prepare(
      "voc2012", tmp_path / "data", tmp_path, overwrite=True
  )
  assert builder.info.splits["train_aug"].num_examples == 4


TOP = "VOCdevkit/VOC2012"


@pytest.mark.parametrize(
    "name, content, error, message",
    [
        (f"{TOP}/JPEGImages/2007_000001.jpg", None, FileNotFoundError,
         r"tar has no VOC.*/JPEGImages/2007_000001.jpg"),
        (f"{TOP}/SegmentationClass/2007_000009.png", None, FileNotFoundError,
         r"tar has no VOC.*/SegmentationClass/2007_000009.png"),
        (f"{TOP}/ImageSets/Segmentation/val.txt", None, FileNotFoundError,
         "tar has no VOC.*/val.txt"),
        (f"{TOP}/JPEGImages/2007_000001.jpg", layouts.jpg()[:-40], ValueError,
         "2007_000001.jpg is not an intact PNG or JPEG.*truncated"),
        (f"{TOP}/JPEGImages/2007_000001.jpg", b"<html>", ValueError,
         "2007_000001.jpg is not an intact PNG or JPEG"),
        (f"{TOP}/JPEGImages/2007_000001.jpg", layouts.jpg(12, 20), ValueError,
         "2007_000001.png is 12 x 16.*2007_000001.jpg is 12 x 20"),
        (f"{TOP}/SegmentationClass/2007_000001.png",
         layouts.palette_png(layouts.mask(0, 21)), ValueError,
         r"2007_000001.png has label 21; possible are 0\.\.20, 255"),
        (f"{TOP}/SegmentationClass/2007_000001.png",
         layouts.png(np.zeros((12, 16, 3), np.uint8)), ValueError,
         "2007_000001.png must hold one 8-bit class number.*RGB"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_and_nothing_is_left(
    tmp_path, name, content, error, message
):
  files = layouts.voc(more=SBD_ONLY)
  assert name in files
  if content is None:
    del files[name]
  else:
    files[name] = content
  write(tmp_path, files)
  with pytest.raises(error, match=message):
    prepare(tmp_path)
  assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"no matlab" * 40, "not an intact .mat"),
        (layouts.mat(layouts.mask(0, 7))[:-60], "not an intact .mat"),
        (layouts.mat(layouts.mask(0, 7).astype(float)), "float64"),
        (layouts.mat(layouts.mask(0, 7, w=17)), "17.*16"),
        (layouts.mat(layouts.mask(0, 77)), "label 77"),
    ],
)
def test_a_bad_mask_of_sbd_is_named(tmp_path, content, message):
  sbd = layouts.sbd()
  sbd["benchmark_RELEASE/dataset/cls/2008_000003.mat"] = content
  write(tmp_path, sbd=sbd)
  with pytest.raises(ValueError, match=f"2008_000003.mat.*{message}"):
    prepare(tmp_path)


def test_a_damaged_sbd_archive_is_named(tmp_path):
  write(tmp_path)
  content = (tmp_path / TGZ).read_bytes()
  (tmp_path / TGZ).write_bytes(content[: len(content) // 2])
  with pytest.raises(ValueError, match=r"benchmark.tgz is damaged"):
    prepare(tmp_path)
  assert not (tmp_path / "data").exists()


@pytest.mark.heavy
@pytest.mark.skipif(
    not (layouts.REAL / "voc_sample").exists(),
    reason="needs ../shared/data/voc_sample",
)
def test_the_real_sample(tmp_path):
  manual = layouts.REAL / "voc_sample"
  builder = data.datasets.prepare("voc2012", tmp_path, manual)
  counts = {k: v.num_examples for k, v in builder.info.splits.items()}
  assert counts == {"train": 437, "validation": 100}
  source = data.open("voc2012", "validation", tmp_path)
  values = np.unique(
      np.concatenate([np.unique(source[i]["label"]) for i in range(100)])
  )
  assert values[-1] == data.VOID
  assert set(values[:-1].tolist()) <= set(range(21))
  assert {8, 10, 12, 13, 17} <= set(values.tolist())  # The five animals.
