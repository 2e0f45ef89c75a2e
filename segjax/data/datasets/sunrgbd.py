"""SUN RGB-D, 37 classes, in colour (Song et al. 2015)."""

import pathlib
from typing import ClassVar

import tensorflow_datasets as tfds

from segjax.data import labels
from segjax.data.datasets import archive, base

_LABELS = (
    "sunrgbd_train_test_labels.tar.gz",
    "sunrgbd_test_train_labels.tar.gz",
    "sunrgbd_train_test_labels",
)
_TEST = 5050

_CLASSES = """
wall
floor
cabinet
bed
chair
sofa
table
door
window
bookshelf
picture
counter
blinds
desk
shelves
curtain
dresser
pillow
mirror
floor mat
clothes
ceiling
books
fridge
tv
paper
towel
shower curtain
box
whiteboard
person
night stand
toilet
sink
lamp
bathtub
bag
"""


class Sunrgbd(base.Builder):
  """SUN RGB-D, 37 classes: 5285 train and 5050 test images, without depth.

  Song et al. 2015, "SUN RGB-D: a RGB-D scene understanding benchmark suite",
  as extracted by Handa (sunrgbd-meta-data on GitHub): images are numbered in
  each split, labels through both, those of test first. 0 in the label files
  is void.
  """

  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "See docs/datasets.md#sunrgbd."
  LABELS = labels.parse_classes(_CLASSES).labels
  TRAIN_IDS = {0: labels.VOID} | {i + 1: i for i in range(37)}
  COUNTS: ClassVar = {"train": 5285, "test": _TEST}

  def pairs(self, root: pathlib.Path) -> dict[str, list[base.Pair]]:
    masks = archive.open_archive(archive.find(root, *_LABELS))
    masks = {
        int(i): mask
        for i, mask in masks.files(r"(?:.*/)?img-(\d{6})\.png").items()
    }
    splits = {}
    for split, before in (("train", _TEST), ("test", 0)):
      name = f"SUNRGBD-{split}_images"
      images = archive.open_archive(archive.find(root, f"{name}.tgz", name))
      splits[split] = []
      for i, image in images.files(r"(?:.*/)?img-(\d{6})\.jpg").items():
        number = int(i) + before
        if number not in masks:
          raise FileNotFoundError(
              f"{image} has no label map: there is no img-{number:06}.png in "
              f"{archive.find(root, *_LABELS)}."
          )
        splits[split].append(base.Pair(f"{split}_{i}", image, masks[number]))
    return splits
