"""COCO with VOC's labels: outlines to the pixel, overlaps void."""

import numpy as np
import pytest

from segjax import data
from segjax.data.datasets import coco_voc
from tests.data.datasets import layouts

ZIP = "annotations_trainval2017.zip"


def write(tmp_path, **changes):
  for year in layouts.COCO:
    layouts.write_zip(tmp_path / f"{year}.zip", layouts.coco_images(year))
  notes = {
      f"annotations/instances_{year}.json": layouts.coco_instances(year)
      for year in layouts.COCO
  } | {"annotations/captions_val2017.json": b"{}"}
  for name, content in changes.items():
    notes[f"annotations/{name}.json"] = content
  layouts.write_zip(tmp_path / ZIP, notes)


def prepare(tmp_path):
  return data.datasets.prepare("coco_voc", tmp_path / "data", tmp_path)


def test_training_images_hold_a_thousand_pixels_of_vocs_classes(tmp_path):
  """In the second they are 1000 exactly, which is too little."""
  write(tmp_path)
  builder = prepare(tmp_path)
  counts = {k: v.num_examples for k, v in builder.info.splits.items()}
  assert counts == {"train": 1, "validation": 2}
  source = data.open("coco_voc", "train", tmp_path / "data")
  assert source[0]["id"] == "000000000009"


def test_overlaps_are_void_and_other_things_background(tmp_path):
  write(tmp_path)
  prepare(tmp_path)
  label = data.open("coco_voc", "validation", tmp_path / "data")[0]["label"]
  names = data.datasets.labels("coco_voc").names
  want = np.zeros((12, 16), np.uint8)
  want[:, 8:10] = names.index("bus")  # Run lengths: columns 8 and 9.
  want[2:10, 2:8] = names.index("person")
  want[2:10, 8:10] = data.VOID
  np.testing.assert_array_equal(label, want)


def test_categories_are_cocos_numbers_of_vocs_classes():
  labels = layouts.REAL / "lists" / "cocostuff_labels.txt"
  if not labels.exists():
    pytest.skip("needs ../shared/data/lists")
  names = dict(row.split(": ") for row in labels.read_text().splitlines())
  coco = [names[str(i)] for i in coco_voc._CATEGORIES]
  renamed = {
      "airplane": "aeroplane",
      "couch": "sofa",
      "motorcycle": "motorbike",
      "tv": "tv/monitor",
  }
  assert [renamed.get(n, n) for n in coco] == list(
      data.datasets.labels("coco_voc").names[1:]
  )


@pytest.mark.parametrize(
    "content, message",
    [
        (b"{", "instances_val2017.json is no intact annotation file"),
        (b"[]", "instances_val2017.json is no intact annotation file"),
        (b"[" * 100_000, "instances_val2017.json is no intact annotation"),
        (b'{"images": [], "annotations": [{}]}', "no intact .*category_id"),
        (
            layouts.coco_instances("val2017").replace(b"[12, 16]", b"[12, 17]"),
            r"val2017.json, image 000000000139: run lengths need .*\[12, 17\]",
        ),
        (
            layouts.coco_instances("val2017").replace(b"[96, 24", b"[97, 24"),
            "image 000000000139: the run lengths do not add up to 192",
        ),
        (
            layouts.coco_instances("val2017").replace(b'th": 16', b'th": 15'),
            r"139.jpg is 12 x 16 .*val2017.json has 12 x 15",
        ),
        (
            layouts.coco_instances("val2017").replace(b"10, 2, 10,", b"10, 2,"),
            "139: a polygon is not pairs",
        ),
    ],
)
def test_damaged_annotations_are_named(tmp_path, content, message):
  write(tmp_path, instances_val2017=content)
  with pytest.raises(ValueError, match=message):
    prepare(tmp_path)


def test_an_image_that_is_not_there_is_named(tmp_path):
  content = layouts.coco_instances("val2017").replace(b'd": 285', b'd": 286')
  write(tmp_path, instances_val2017=content)
  with pytest.raises(FileNotFoundError, match=r"names 000000000286.jpg"):
    prepare(tmp_path)
