"""Cityscapes (Cordts et al. 2016, arXiv:1604.01685)."""

import pathlib
from typing import ClassVar

import tensorflow_datasets as tfds

from segjax.data import labels
from segjax.data.datasets import archive, base

# Names, colours and label ids as in labels.py of cityscapesScripts.
_CLASSES = (
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)),
    (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
)
_IDS = dict.fromkeys(range(34), labels.VOID)
_FRAME = r"[^/]+/([^/]+_\d{6}_\d{6})"  # City, then the id.


class Cityscapes(base.Builder):
  """Cityscapes, 19 classes: 2975 train and 500 validation images.

  1024 x 2048 pixels. The configuration "coarse" adds the 19998 coarsely
  labelled images as split train_extra. The 1525 images of test have no public
  labels: theirs are all void.
  """

  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "See docs/datasets.md#cityscapes."
  BUILDER_CONFIGS: ClassVar = [
      tfds.core.BuilderConfig(name="fine", description="train, validation"),
      tfds.core.BuilderConfig(
          name="coarse", description="train, validation, train_extra"
      ),
  ]
  LABELS = labels.LabelSet(
      names=tuple(name for _, name, _ in _CLASSES),
      palette=tuple(colour for _, _, colour in _CLASSES),
  )
  COUNTS: ClassVar = {
      "train": 2975,
      "validation": 500,
      "test": 1525,
      "train_extra": 19998,
  }
  TRAIN_IDS = _IDS | {c[0]: train_id for train_id, c in enumerate(_CLASSES)}

  def pairs(self, root: pathlib.Path) -> dict[str, list[base.Pair]]:
    images = archive.open_either(
        root, "leftImg8bit_trainvaltest.zip", "leftImg8bit"
    )
    masks = archive.open_either(root, "gtFine_trainvaltest.zip", "gtFine")
    splits = {
        "train": _pairs(images, masks, "train", "gtFine"),
        "validation": _pairs(images, masks, "val", "gtFine"),
    }
    test = _images(images, "test")
    if test:
      splits["test"] = [base.Pair(i, test[i]) for i in sorted(test)]
    if self.builder_config.name == "coarse":
      images = archive.open_either(
          root, "leftImg8bit_trainextra.zip", "leftImg8bit"
      )
      masks = archive.open_either(root, "gtCoarse.zip", "gtCoarse")
      splits["train_extra"] = _pairs(images, masks, "train_extra", "gtCoarse")
    return splits


def _images(images: archive.Archive, split: str) -> dict[str, archive.File]:
  return images.files(rf"leftImg8bit/{split}/{_FRAME}_leftImg8bit\.png")


def _pairs(
    images: archive.Archive, masks: archive.Archive, split: str, kind: str
) -> list[base.Pair]:
  """Pairs of one split, by ids "city_sequence_frame"."""
  return base.pair_up(
      _images(images, split),
      masks.files(rf"{kind}/{split}/{_FRAME}_{kind}_labelIds\.png"),
      expected=f"{masks.path}/{kind}/{split}/*/{{}}_{kind}_labelIds.png",
  )
