"""CamVid in colours: 31 classes, void, and the split of SegNet by name."""

import numpy as np
import pytest

from segjax import data
from segjax.data.datasets import camvid32
from tests.data.datasets import layouts


def write(tmp_path, packed, masks=None):
  images, drawn = layouts.camvid32()
  for name, files in (
      ("701_StillsRaw_full", images),
      ("LabeledApproved_full", masks or drawn),
  ):
    if packed:
      layouts.write_zip(tmp_path / f"{name}.zip", files)
    else:
      layouts.write_folder(tmp_path, files)


def prepare(tmp_path):
  return data.datasets.prepare("camvid32", tmp_path / "data", tmp_path)


@pytest.mark.parametrize("packed", (True, False))
def test_colours_become_train_ids(tmp_path, packed):
  write(tmp_path, packed)
  builder = prepare(tmp_path)
  counts = {k: v.num_examples for k, v in builder.info.splits.items()}
  assert counts == {"train": 2, "validation": 1, "test": 1}
  assert "test 1 (233)" in builder.notes[0]
  example = data.open("camvid32", "test", tmp_path / "data")[0]
  names = data.datasets.labels("camvid32").names
  animal, wall, pole = (
      names.index(n) for n in ("Animal", "Wall", "Column_Pole")
  )
  assert (animal, wall) == (0, 30)
  want = [animal, wall, data.VOID, pole]
  np.testing.assert_array_equal(example["label"], [want] * 12)


def test_a_colour_of_no_class_is_named(tmp_path):
  _, masks = layouts.camvid32()
  label = np.zeros((12, 4, 3), np.uint8)
  label[3, 2] = (1, 2, 3)
  name = "LabeledApproved_full/0006R0_f00930_L.png"
  write(tmp_path, True, masks | {name: layouts.png(label)})
  with pytest.raises(
      ValueError, match=r"f00930_L.png has the colour \(1, 2, 3\) at row 3, col"
  ):
    prepare(tmp_path)


def test_a_missing_mask_is_named(tmp_path):
  _, masks = layouts.camvid32()
  del masks["LabeledApproved_full/0006R0_f00930_L.png"]
  write(tmp_path, True, masks)
  with pytest.raises(FileNotFoundError, match=r"no .*/0006R0_f00930_L.png"):
    prepare(tmp_path)


def test_the_split_is_that_of_the_tutorial():
  """By the names of the frames that come with it."""
  root = layouts.REAL / "camvid"
  if not root.exists():
    pytest.skip("needs ../shared/data/camvid")
  for folder, split in (("train", "train"), ("val", "validation")):
    frames = [p.stem for p in (root / folder).glob("*.png")]
    assert len(frames) == camvid32.Camvid32.COUNTS[split]
    assert {camvid32.split_of(frame) for frame in frames} == {split}


def test_the_split_of_all_frames_has_the_counts_of_the_paper():
  """Three of the four sequences whole; the fourth gives 204 and 101."""
  frames = [f"0001TP_{n:06}" for n in range(6690, 10381, 30)]
  frames += [f"0006R0_f{n:05}" for n in range(930, 3931, 30)]
  frames += [f"Seq05VD_f{n:05}" for n in range(0, 5101, 30)]
  splits = [camvid32.split_of(frame) for frame in frames]
  assert splits.count("test") == 233
  assert splits.count("train") == 367 - 204
  with pytest.raises(ValueError, match="no frame 'x'"):
    camvid32.split_of("x")
