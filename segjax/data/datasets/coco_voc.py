"""COCO with the labels of PASCAL VOC: what networks for VOC pre-train on."""

from collections.abc import Mapping
import dataclasses
import json
import pathlib
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from segjax.data import labels
from segjax.data.datasets import (
    archive,
    base,
    coco_stuff,
    codecs,
    outlines,
    voc2012,
)

_ANNOTATIONS = "annotations_trainval2017.zip"
_LIMIT = 4 << 30  # Bytes of instances_train2017.json; in 2017 it had 0.45e9.
_MIN_AREA = 1000  # Pixels of VOC's classes in a training image.

# COCO's category ids of VOC's classes 1 to 20, in VOC's order.
_CATEGORIES = (
    5, 2, 16, 9, 44, 6, 3, 17, 62, 21, 67, 18, 19, 4, 1, 64, 20, 63, 7, 72
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Scene:
  """An image, and the outlined objects in it: (train id, segmentation)."""

  id: str
  image: archive.File
  objects: list[tuple[int, Any]]
  size: tuple[int, int]
  source: str


class CocoVoc(base.Builder):
  """COCO 2017 with the 21 classes of VOC, from the outlines of its objects.

  Lin et al. 2014, "Microsoft COCO: common objects in context"
  (arXiv:1405.0312). As in the segmentation reference of torchvision: train
  are the images of train2017 in which objects of VOC's classes cover more
  than 1000 pixels in sum, validation all 5000 of val2017; where two such
  objects overlap is void, all else background.
  """

  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "See docs/datasets.md#coco_voc."
  LABELS = voc2012.Voc2012.LABELS
  TRAIN_IDS = voc2012.Voc2012.TRAIN_IDS
  COUNTS: ClassVar = {"validation": 5000}

  def pairs(self, root: pathlib.Path) -> dict[str, list[Scene]]:
    files = archive.open_either(root, _ANNOTATIONS, "annotations")
    splits = {}
    for split, year in coco_stuff.YEARS.items():
      name = f"annotations/instances_{year}.json"
      images = coco_stuff.coco_images(root, year)
      least = _MIN_AREA if split == "train" else -1
      splits[split] = _scenes(files, name, images, least)
    return splits

  def read(self, pair: Scene) -> tuple[bytes, np.ndarray]:
    encoded, size = self.read_image(pair.image)
    if size != pair.size:
      raise codecs.WrongSizeError(
          f"{pair.image} is {size[0]} x {size[1]} (height x width), but "
          f"{pair.source} has {pair.size[0]} x {pair.size[1]}."
      )
    label = np.zeros(size, np.uint8)
    covered = np.zeros(size, bool)
    for train_id, segmentation in pair.objects:
      try:
        mask = outlines.mask(segmentation, size)
      except (ValueError, TypeError) as error:
        raise ValueError(f"{pair.source}, image {pair.id}: {error}.") from error
      label[mask] = np.where(covered[mask], labels.VOID, train_id)
      covered |= mask
    return encoded, label


def _scenes(
    files: archive.Archive,
    name: str,
    images: Mapping[str, archive.File],
    least: float,
) -> list[Scene]:
  """The images of an annotation file with objects of more pixels than this."""
  source = str(files.file(name))
  content = files.read(name, limit=_LIMIT)
  train_ids = {category: i for i, category in enumerate(_CATEGORIES, start=1)}
  try:
    annotated = json.loads(content)
    sizes = {
        int(image["id"]): (image["height"], image["width"])
        for image in annotated["images"]
    }
    objects, areas = {i: [] for i in sizes}, dict.fromkeys(sizes, 0.0)
    for note in annotated["annotations"]:
      if note["category_id"] in train_ids:
        train_id = train_ids[note["category_id"]]
        objects[note["image_id"]].append((train_id, note["segmentation"]))
        areas[note["image_id"]] += note["area"]
  except (ValueError, KeyError, TypeError, RecursionError) as error:
    raise ValueError(
        f"{source} is no intact annotation file of COCO ({error!r})."
    ) from error
  scenes = []
  for i in sorted(i for i in sizes if areas[i] > least):
    key = f"{i:012}"
    if key not in images:
      raise FileNotFoundError(f"{source} names {key}.jpg, which is not there.")
    scenes.append(Scene(key, images[key], objects[i], sizes[i], source))
  return scenes
