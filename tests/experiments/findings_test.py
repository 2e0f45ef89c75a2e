"""Checking a data set: what is counted, and each fault that it must find."""

import numpy as np
import pytest

from experiments import findings
from segjax import data
from tests.data.datasets import layouts

LABELS = data.LabelSet(
    ("road", "sky", "car"), ((1, 1, 1), (2, 2, 2), (3, 3, 3))
)


def example(grey, *values, h=4, w=8, i=None):
  image = np.full((h, w, 3), grey, np.uint8)
  found = {"image": image, "label": layouts.mask(*values, h=h, w=w)}
  return found if i is None else found | {"id": i}


def check(**splits):
  return {
      split: list(
          findings.check(
              {f"{split} {i}": (lambda e=e: e) for i, e in enumerate(examples)},
              LABELS,
          )
      )
      for split, examples in splits.items()
  }


def test_pixels_images_sizes_and_weights_are_counted():
  examples = [
      example(1, 0, 0, 0, 1),  # 24 pixels of road, 8 of sky.
      example(2, 0, 1, 255, 255),  # 8 and 8, and 16 void.
      example(3, 255, h=6, w=8),
  ]
  found = check(train=examples)["train"]
  summary = findings.summarize(found, LABELS)
  assert summary["images"] == 3
  assert summary["sizes"] == {"4 x 8": 2, "6 x 8": 1}
  assert summary["not_labelled_pixels"] == 16 + 48
  road, sky, car = summary["classes"].values()
  assert (road["pixels"], road["images"]) == (32, 2)
  assert (sky["pixels"], sky["images"]) == (16, 2)
  # Of 48 labelled pixels of their images: 2/3 and 1/3, the median 1/2.
  assert road["median_frequency_weight"] == pytest.approx(0.75)
  assert sky["median_frequency_weight"] == pytest.approx(1.5)
  assert car == {"pixels": 0, "images": 0, "median_frequency_weight": 0}
  assert not any(findings.problems({"train": found}).values())
  notes = list(findings.notes({"train": found}, LABELS))
  assert notes == [
      "train: 1 image(s) without a single label.",
      "train: car never occur(s).",
  ]


def test_labels_of_no_class_and_of_another_size_are_named():
  wrong = findings.problems(
      check(
          train=[
              example(1, 0, 3, i="a/b"),
              example(2, 7, 254, 255),
              example(3, 0) | {"label": np.zeros((4, 9), np.uint8)},
              example(4, 0) | {"label": np.zeros((4, 8, 1), np.uint8)},
          ]
      )
  )
  first, second = wrong["wrong label"]
  assert first.startswith("train: a/b has 3 in 16 pixels; possible are 0 to 2")
  assert "train 1 has 7, 254 in " in second
  one, other = wrong["wrong size"]
  assert one == "train: train 2 is 4 x 8, but its labels are 4 x 9"
  assert "train 3" in other


def test_what_cannot_be_read_does_not_end_the_check():
  def broken():
    raise ValueError("OpenCV cannot decode it")

  reads = {"a": broken, "b": lambda: example(1, 0)}
  found = {"train": list(findings.check(reads, LABELS))}
  wrong = findings.problems(found)
  assert wrong["unreadable"] == ["train: OpenCV cannot decode it"]
  assert findings.summarize(found["train"], LABELS)["images"] == 2


def test_duplicates_are_found_in_a_split_and_across_evaluation():
  one, two, three = (example(g, 0, i=f"i{g}") for g in (1, 2, 3))
  same = example(1, 1, i="copy")  # The same image with other labels.
  wide = example(1, 0, h=2, w=16, i="wide")  # The same bytes, another image.
  found = check(train=[one, two, wide, same], train_aug=[two, three])
  assert findings.problems(found)["duplicate"] == [
      "one image is train i1, train copy"
  ]
  assert "train and train_aug share 1 image(s)." in list(
      findings.notes(found, LABELS)
  )
  found = check(train=[two, three], validation=[example(3, 2, i="leak")])
  assert findings.problems(found)["duplicate"] == [
      "one image is train i3, validation leak"
  ]
