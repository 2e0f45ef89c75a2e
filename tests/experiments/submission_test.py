"""What the benchmarks' servers get."""

import numpy as np
from PIL import Image
import pytest

from experiments import submission
from segjax.data.datasets import cityscapes


def test_cityscapes_gets_label_ids_under_the_frame_s_name(tmp_path):
  """Each train id becomes the id that is read back as it."""
  label = np.arange(19, dtype=np.uint8).reshape(1, 19).repeat(3, 0)
  submission.write_cityscapes(tmp_path, "berlin/berlin_000000_000019", label)
  (path,) = tmp_path.iterdir()
  assert path.name == "berlin_000000_000019_pred.png"
  with Image.open(path) as picture:
    assert picture.mode == "L"
    ids = np.asarray(picture)
  assert ids[0, [0, 1, 2, 18]].tolist() == [7, 8, 11, 33]
  back = np.vectorize(cityscapes.Cityscapes.TRAIN_IDS.get)(ids)
  np.testing.assert_array_equal(back, label)


def test_voc_gets_palette_pictures_in_its_tree(tmp_path):
  label = np.uint8([[0, 15], [20, 1]])
  submission.write_voc(tmp_path, "2008_000006", label)
  path = tmp_path / "results/VOC2012/Segmentation/comp6_test_cls"
  with Image.open(path / "2008_000006.png") as picture:
    assert picture.mode == "P"
    np.testing.assert_array_equal(picture, label)
    assert picture.convert("RGB").getpixel((1, 0)) == (192, 128, 128)


@pytest.mark.parametrize(
    "form, message",
    (("cityscapes", r"\[255\] are no train ids"), ("voc", "class 255")),
)
def test_what_is_no_class_is_refused_and_nothing_written(
    form, message, tmp_path
):
  with pytest.raises(ValueError, match=message):
    submission.WRITERS[form](tmp_path, "a_000000_000000", np.uint8([[0, 255]]))
  assert not list(tmp_path.iterdir())
