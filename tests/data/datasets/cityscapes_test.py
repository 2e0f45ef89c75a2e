"""Cityscapes from its zips: 19 train ids, the rest void."""

import pathlib

import numpy as np
import pytest

from segjax import data
from tests.data.datasets import layouts

# Straight from the label table of the data set: id, train id.
TABLE = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9,
         23: 10, 24: 11, 25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17,
         33: 18}  # fmt: skip


def write(tmp_path, coarse=False):
  images, masks = layouts.cityscapes()
  layouts.write_zip(tmp_path / "leftImg8bit_trainvaltest.zip", images)
  layouts.write_zip(tmp_path / "gtFine_trainvaltest.zip", masks)
  if coarse:
    images, masks = layouts.cityscapes("gtCoarse", ("train_extra",))
    layouts.write_zip(tmp_path / "leftImg8bit_trainextra.zip", images)
    layouts.write_zip(tmp_path / "gtCoarse.zip", masks)


def prepare(tmp_path, name="cityscapes"):
  return data.datasets.prepare(name, tmp_path / "data", tmp_path)


def counts(builder):
  return {k: v.num_examples for k, v in builder.info.splits.items()}


def test_labels_are_train_ids(tmp_path):
  write(tmp_path)
  assert counts(prepare(tmp_path)) == {"train": 2, "validation": 2}
  example = data.open("cityscapes", "validation", tmp_path / "data")[1]
  assert example["id"] == "munster_000000_000001"
  assert example["image"].shape == (16, 32, 3)
  want = [TABLE.get(i, data.VOID) for i in range(1, 33)]
  np.testing.assert_array_equal(example["label"], [want] * 16)


def test_the_table_of_the_project_agrees():
  table = layouts.REAL / "lists" / "cityscapes_labels.tsv"
  if not table.exists():
    pytest.skip("needs ../shared/data/lists")
  names = data.datasets.labels("cityscapes").names
  for i, name in enumerate(names):
    assert f"\t{name}\t" in f"\t{table.read_text()}\t".replace("\n", "\t"), i


def test_coarse_adds_a_split(tmp_path):
  write(tmp_path, coarse=True)
  builder = prepare(tmp_path, "cityscapes/coarse")
  assert counts(builder) == {"train": 2, "validation": 2, "train_extra": 2}
  source = data.open(
      "cityscapes/coarse", "train+train_extra", tmp_path / "data"
  )
  assert [source[i]["id"][:6] for i in range(4)] == ["aachen"] * 2 + [
      "erlang"
  ] * 2
  assert len(source.sizes) == 4


def test_the_test_images_have_void_labels(tmp_path):
  """The archive's own are a dummy."""
  images, masks = layouts.cityscapes(splits=("train", "val", "test"))
  layouts.write_zip(tmp_path / "leftImg8bit_trainvaltest.zip", images)
  layouts.write_zip(tmp_path / "gtFine_trainvaltest.zip", masks)
  builder = prepare(tmp_path)
  assert counts(builder) == {"train": 2, "validation": 2, "test": 2}
  source = data.open("cityscapes", "test", tmp_path / "data")
  assert source[0]["id"] == "berlin_000000_000000"
  assert np.all(source[0]["label"] == data.VOID)


def test_fine_and_coarse_lie_side_by_side(tmp_path):
  write(tmp_path, coarse=True)
  prepare(tmp_path)
  prepare(tmp_path, "cityscapes/coarse")
  for name in ("cityscapes", "cityscapes/fine", "cityscapes/coarse"):
    assert len(data.open(name, "train", tmp_path / "data")) == 2


def test_unpacked_folders_will_do(tmp_path):
  for files in layouts.cityscapes():
    layouts.write_folder(tmp_path, files)
  assert counts(prepare(tmp_path)) == {"train": 2, "validation": 2}


@pytest.mark.parametrize(
    "gone", ("leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip")
)
def test_a_missing_archive_is_named(tmp_path, gone):
  write(tmp_path)
  (tmp_path / gone).unlink()
  with pytest.raises(FileNotFoundError, match=gone):
    prepare(tmp_path)
  assert not (tmp_path / "data").exists()


def test_coarse_needs_its_archives(tmp_path):
  write(tmp_path)
  with pytest.raises(FileNotFoundError, match=r"leftImg8bit_trainextra.zip"):
    prepare(tmp_path, "cityscapes/coarse")
  assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("share", (0.3, 0.9))
def test_an_archive_cut_short_is_named(tmp_path, share):
  write(tmp_path)
  path = tmp_path / "gtFine_trainvaltest.zip"
  content = path.read_bytes()
  path.write_bytes(content[: int(share * len(content))])
  with pytest.raises(ValueError, match=r"gtFine_trainvaltest.zip is damaged"):
    prepare(tmp_path)
  assert not (tmp_path / "data").exists()


def test_a_bad_checksum_late_in_the_build_leaves_nothing(tmp_path):
  """The train split is written by then."""
  images, _ = layouts.cityscapes()
  write(tmp_path)
  path = tmp_path / "leftImg8bit_trainvaltest.zip"
  name = "leftImg8bit/val/munster/munster_000000_000001_leftImg8bit.png"
  content = bytearray(path.read_bytes())
  content[content.index(images[name]) + 60] ^= 1
  path.write_bytes(content)
  with pytest.raises(ValueError, match=f"damaged at {name}"):
    prepare(tmp_path)
  assert not (tmp_path / "data").exists()
  write(tmp_path)
  assert counts(prepare(tmp_path)) == {"train": 2, "validation": 2}


def test_a_missing_mask_and_a_stray_mask_are_named(tmp_path):
  _, masks = layouts.cityscapes()
  name = "gtFine/val/munster/munster_000000_000001_gtFine_labelIds.png"
  write(tmp_path)
  path = tmp_path / "gtFine_trainvaltest.zip"
  path.unlink()
  layouts.write_zip(path, {k: v for k, v in masks.items() if k != name})
  with pytest.raises(
      FileNotFoundError, match=r"munster_000000_000001_leftImg8bit.png has no"
  ):
    prepare(tmp_path)
  path.unlink()
  layouts.write_zip(path, masks | {name.replace("000001", "000002"): b""})
  with pytest.raises(FileNotFoundError, match=r"000002.*mask of no image"):
    prepare(tmp_path)


def test_train_id_files_are_refused(tmp_path):
  """An id beyond 33 cannot be a label id."""
  write(tmp_path)
  _, masks = layouts.cityscapes()
  name = "gtFine/train/aachen/aachen_000000_000000_gtFine_labelIds.png"
  masks[name] = layouts.png(layouts.mask(0, 255, h=16, w=32))
  path = pathlib.Path(tmp_path / "gtFine_trainvaltest.zip")
  path.unlink()
  layouts.write_zip(path, masks)
  with pytest.raises(ValueError, match=r"has label 255; possible are 0\.\.33"):
    prepare(tmp_path)
