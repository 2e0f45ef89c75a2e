"""CamVid in the layout of the SegNet tutorial (arXiv:1511.00561, Sec. 4.1)."""

import pathlib
from typing import ClassVar

import tensorflow_datasets as tfds

from segjax.data import labels
from segjax.data.datasets import archive, base

_FOLDERS = {"train": "train", "validation": "val", "test": "test"}


class Camvid(base.Builder):
  """CamVid, 11 classes: 367 / 101 / 233 frames, the split of SegNet.

  Brostow et al. 2009, "Semantic object classes in video", 360 x 480 pixels.
  A split whose folder is absent is left out, with a note.
  """

  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "See docs/datasets.md#camvid."
  LABELS = labels.LabelSet(
      names=(
          "sky",
          "building",
          "pole",
          "road",
          "pavement",
          "tree",
          "sign symbol",
          "fence",
          "car",
          "pedestrian",
          "bicyclist",
      ),
      palette=(
          (128, 128, 128),
          (128, 0, 0),
          (192, 192, 128),
          (128, 64, 128),
          (60, 40, 222),
          (128, 128, 0),
          (192, 128, 128),
          (64, 64, 128),
          (64, 0, 128),
          (64, 64, 0),
          (0, 128, 192),
      ),
  )
  COUNTS: ClassVar = {"train": 367, "validation": 101, "test": 233}
  TRAIN_IDS = {i: i for i in range(11)} | {11: labels.VOID}

  def pairs(self, root: pathlib.Path) -> dict[str, list[base.Pair]]:
    if (root / "CamVid").is_dir():
      root = root / "CamVid"
    archive.find(root, *_FOLDERS.values())
    splits, absent = {}, []
    for split, folder in _FOLDERS.items():
      if not (root / folder).is_dir():
        absent.append(f"{split} is left out: {root} has no folder {folder}.")
        continue
      masks = archive.find(root, f"{folder}annot")
      splits[split] = base.pair_up(
          archive.Folder(root / folder).files(r"([^/]+)\.png"),
          archive.Folder(masks).files(r"([^/]+)\.png"),
          expected=f"{masks}/{{}}.png",
      )
    self.notes = tuple(absent)
    return splits
