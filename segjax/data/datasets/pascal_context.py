"""PASCAL-Context: whole scenes of VOC 2010 (Mottaghi et al. 2014)."""

import pathlib
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from segjax.data import labels
from segjax.data.datasets import archive, base, codecs

_TAR = "VOCtrainval_03-May-2010.tar"
_MASKS = "trainval.tar.gz"
_LISTS = "ImageSets/Main"

# 59_labels.txt in its order, each with its number among the 459 of labels.txt.
_CLASSES = """
2 aeroplane
23 bicycle
25 bird
31 boat
34 bottle
45 bus
59 car
65 cat
72 chair
98 cow
397 diningtable
113 dog
207 horse
258 motorbike
284 person
308 pottedplant
347 sheep
368 sofa
416 train
427 tvmonitor
9 bag
18 bed
22 bench
33 book
44 building
46 cabinet
68 ceiling
80 clothes
85 computer
104 cup
115 door
144 fence
158 floor
159 flower
162 food
187 grass
189 ground
220 keyboard
232 light
259 mountain
260 mouse
105 curtain
296 platform
355 sign
295 plate
324 road
326 rock
349 shelves
354 sidewalk
360 sky
366 snow
19 bedcloth
415 track
420 tree
424 truck
440 wall
445 water
454 window
458 wood
"""
_ROWS = tuple(line.split() for line in _CLASSES.split("\n") if line)
_NAMES = tuple(name for _, name in _ROWS)
_COLOURS = labels.colour_map(60)


class PascalContext(base.Builder):
  """PASCAL-Context, 59 classes: 4998 train and 5105 validation images.

  Mottaghi et al. 2014, "The role of context for object detection and semantic
  segmentation in the wild". What is none of the 59 most frequent of its 459
  classes is void in the configuration "59", and class 0, background, in "60".
  """

  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "See docs/datasets.md#pascal_context."
  BUILDER_CONFIGS: ClassVar = [
      tfds.core.BuilderConfig(name="59", description="the rest is void"),
      tfds.core.BuilderConfig(name="60", description="the rest is class 0"),
  ]
  LABELS = labels.LabelSet(_NAMES, _COLOURS[1:])
  COUNTS: ClassVar = {"train": 4998, "validation": 5105}

  def __init__(self, **kwargs):
    super().__init__(**kwargs)
    rest, first = labels.VOID, 0
    if self.builder_config.name == "60":
      self.LABELS = labels.LabelSet(("background", *_NAMES), _COLOURS)
      rest, first = 0, 1
    ids = {int(i): t for t, (i, _) in enumerate(_ROWS, start=first)}
    self.TRAIN_IDS = dict.fromkeys(range(460), rest) | ids

  def pairs(self, root: pathlib.Path) -> dict[str, list[base.Pair]]:
    if (root / "ImageSets").is_dir():
      path = root
    else:
      path = archive.find(root, _TAR, "VOCdevkit/VOC2010", "VOC2010")
    voc = archive.open_archive(path)
    top = "" if path.is_dir() else "VOCdevkit/VOC2010/"
    masks = archive.open_archive(archive.find(root, _MASKS, "trainval"))
    found = masks.files(r"(?:.*/)?([^/]+)\.mat")

    def pair(i: str) -> base.Pair:
      if i not in found:
        raise FileNotFoundError(f"{masks.path} has no {i}.mat.")
      return base.Pair(i, voc.file(f"{top}JPEGImages/{i}.jpg"), found[i])

    lists = {"train": "train", "validation": "val"}
    return {
        split: [pair(i) for i in voc.lines(f"{top}{_LISTS}/{name}.txt")]
        for split, name in lists.items()
    }

  def decode_label(self, file: archive.File) -> np.ndarray:
    return codecs.matlab_labels(file, "LabelMap")
