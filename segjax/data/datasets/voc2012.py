"""PASCAL VOC 2012 segmentation, with the masks of SBD as split train_aug."""

import pathlib
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from segjax.data import labels
from segjax.data.datasets import archive, base, codecs

_TAR = "VOCtrainval_11-May-2012.tar"
_TEST_TAR = "VOC2012test.tar"
_LISTS = "ImageSets/Segmentation"
_SBD_FILES = r"benchmark_RELEASE/dataset/((train|val)\.txt|cls/[^/]+\.mat)"


class Voc2012(base.Builder):
  """PASCAL VOC 2012, 21 classes: 1464 train and 1449 validation images.

  Everingham et al. 2015, "The PASCAL Visual Object Classes challenge: a
  retrospective". With benchmark.tgz of SBD (Hariharan et al. 2011, "Semantic
  contours from inverse detectors") beside it there is also `train_aug`, 10582
  images: those of SBD and of VOC's train that are not in VOC's val. Where VOC
  has a mask itself, it is taken; the masks of SBD have no void. With
  VOC2012test.tar there is `test`, 1456 images without labels.
  """

  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "See docs/datasets.md#voc2012."
  LABELS = labels.LabelSet(
      names=(
          "background",
          "aeroplane",
          "bicycle",
          "bird",
          "boat",
          "bottle",
          "bus",
          "car",
          "cat",
          "chair",
          "cow",
          "dining table",
          "dog",
          "horse",
          "motorbike",
          "person",
          "potted plant",
          "sheep",
          "sofa",
          "train",
          "tv/monitor",
      ),
      palette=labels.colour_map(21),
  )
  TRAIN_IDS = {i: i for i in range(21)} | {255: labels.VOID}
  COUNTS: ClassVar = {
      "train": 1464,
      "validation": 1449,
      "train_aug": 10582,
      "test": 1456,
  }

  def pairs(self, root: pathlib.Path) -> dict[str, list[base.Pair]]:
    if (root / "ImageSets").is_dir():
      path = root
    else:
      path = archive.find(root, _TAR, "VOCdevkit/VOC2012", "VOC2012")
    voc = archive.open_archive(path)
    top = "" if path.is_dir() else "VOCdevkit/VOC2012/"

    def pair(i: str, mask: archive.File | None = None) -> base.Pair:
      image = voc.file(f"{top}JPEGImages/{i}.jpg")
      mask = mask or voc.file(f"{top}SegmentationClass/{i}.png")
      return base.Pair(i, image, mask)

    train = voc.lines(f"{top}{_LISTS}/train.txt")
    val = voc.lines(f"{top}{_LISTS}/val.txt")
    splits = {
        "train": [pair(i) for i in train],
        "validation": [pair(i) for i in val],
    }
    self.notes = ()
    test = _test_images(root, voc, top)
    if test:
      splits["test"] = [base.Pair(i, image) for i, image in test.items()]
    sbd = _sbd_masks(root)
    if sbd is None:
      self.notes += (
          f"train_aug is left out: {root} has neither benchmark.tgz nor "
          "benchmark_RELEASE.",
      )
    else:
      ids = sorted((set(sbd) | set(train)) - set(val))
      official = set(train)
      splits["train_aug"] = [
          pair(i, None if i in official else sbd[i]) for i in ids
      ]
    return splits

  def decode_label(self, file: archive.File) -> np.ndarray:
    if not file.name.endswith(".mat"):
      return super().decode_label(file)
    return codecs.matlab_labels(file, "GTcls", "Segmentation")


def _test_images(
    root: pathlib.Path, voc: archive.Archive, top: str
) -> dict[str, archive.File]:
  """The images that the test list names, or none where there is no list."""
  if (root / _TEST_TAR).exists():
    voc, top = archive.open_archive(root / _TEST_TAR), "VOCdevkit/VOC2012/"
  elif f"{top}{_LISTS}/test.txt" not in voc:
    return {}
  ids = voc.lines(f"{top}{_LISTS}/test.txt")
  return {i: voc.file(f"{top}JPEGImages/{i}.jpg") for i in ids}


def _sbd_masks(root: pathlib.Path) -> dict[str, archive.File] | None:
  """The masks that SBD's own train and val lists name, or None without SBD."""
  try:
    path = archive.find(root, "benchmark.tgz", "benchmark_RELEASE")
  except FileNotFoundError:
    return None
  top = "dataset" if path.is_dir() else "benchmark_RELEASE/dataset"
  sbd = archive.open_archive(path, keep=_SBD_FILES)
  ids = sbd.lines(f"{top}/train.txt") + sbd.lines(f"{top}/val.txt")
  return {i: sbd.file(f"{top}/cls/{i}.mat") for i in ids}
