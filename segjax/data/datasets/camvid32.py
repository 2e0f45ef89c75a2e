"""CamVid as it was published: 720 x 960 pixels, 32 classes in colours."""

import pathlib
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from segjax.data import labels
from segjax.data.datasets import archive, base, codecs

# label_colors.txt of the data set.
_CLASSES = """
64 128 64 Animal
192 0 128 Archway
0 128 192 Bicyclist
0 128 64 Bridge
128 0 0 Building
64 0 128 Car
64 0 192 CartLuggagePram
192 128 64 Child
192 192 128 Column_Pole
64 64 128 Fence
128 0 192 LaneMkgsDriv
192 0 64 LaneMkgsNonDriv
128 128 64 Misc_Text
192 0 192 MotorcycleScooter
128 64 64 OtherMoving
64 192 128 ParkingBlock
64 64 0 Pedestrian
128 64 128 Road
128 128 192 RoadShoulder
0 0 192 Sidewalk
192 128 128 SignSymbol
128 128 128 Sky
64 128 192 SUVPickupTruck
0 0 64 TrafficCone
0 64 64 TrafficLight
192 64 128 Train
128 128 0 Tree
192 128 192 Truck_Bus
64 0 64 Tunnel
192 192 0 VegetationMisc
0 0 0 Void
64 192 0 Wall
"""
_TABLE = labels.parse_classes(_CLASSES)


class Camvid32(base.Builder):
  """CamVid, 31 classes and void: 367 / 101 / 233 frames of 720 x 960 pixels.

  Brostow et al. 2009, "Semantic object classes in video". The frames are
  split as in SegNet (arXiv:1511.00561, Sec. 4.1), whose 11 classes join some
  of these.
  """

  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "See docs/datasets.md#camvid32."
  LABELS = _TABLE.labels
  TRAIN_IDS = {i: i for i in range(31)} | {labels.VOID: labels.VOID}
  COUNTS: ClassVar = {"train": 367, "validation": 101, "test": 233}

  def pairs(self, root: pathlib.Path) -> dict[str, list[base.Pair]]:
    images = archive.open_archive(
        archive.find(root, "701_StillsRaw_full.zip", "701_StillsRaw_full")
    )
    masks = archive.open_archive(
        archive.find(root, "LabeledApproved_full.zip", "LabeledApproved_full")
    )
    every = base.pair_up(
        images.files(r"(?:.*/)?([^/]+)\.png"),
        masks.files(r"(?:.*/)?([^/]+)_L\.png"),
        expected=f"{masks.path}/{{}}_L.png",
    )
    splits = {"train": [], "validation": [], "test": []}
    for pair in every:
      splits[split_of(pair.id)].append(pair)
    return {split: pairs for split, pairs in splits.items() if pairs}

  def decode_label(self, file: archive.File) -> np.ndarray:
    return codecs.decode_colours(file, _TABLE.colours)


def split_of(frame: str) -> str:
  """The split that a frame has in the tutorial of SegNet, by its name.

  Raises:
    ValueError: if it is not named as the frames of CamVid.
  """
  sequence, _, number = frame.partition("_")
  number = number.removeprefix("f")
  if not number.isdigit():
    raise ValueError(f"CamVid has no frame {frame!r}, such as 0006R0_f00930.")
  number = int(number)
  if sequence == "Seq05VD" or (sequence == "0001TP" and number > 8520):
    return "test"
  if sequence == "0016E5" and number in range(7959, 8160, 2):
    return "validation"
  return "train"
