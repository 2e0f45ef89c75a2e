"""Predictions in the form that the benchmarks' servers take."""

from collections.abc import Callable
import pathlib

from jaxtyping import UInt8
import numpy as np
from PIL import Image

from experiments import images
from segjax import data

LabelMap = UInt8[np.ndarray, "h w"]


def write_cityscapes(folder: pathlib.Path, id: str, label: LabelMap) -> None:
  """FOLDER/CITY_SEQUENCE_FRAME_pred.png with label ids.

  cityscapesScripts finds the prediction of a frame by the first three parts of
  its name (evalPixelLevelSemanticLabeling.py), and the server asks for the ids
  of labels.py, of which there are 34, in 8 bits at full size.

  Args:
    folder: is made.
    id: of the frame, such as berlin_000000_000019.
    label: train ids.

  Raises:
    ValueError: a value is no train id.
  """
  from segjax.data.datasets import cityscapes  # Imports TFDS, which is slow.

  table = np.zeros(256, np.uint8)
  known = {t: i for i, t in cityscapes.Cityscapes.TRAIN_IDS.items() if t < 255}
  table[list(known)] = list(known.values())
  unknown = sorted(set(np.unique(label).tolist()) - set(known))
  if unknown:
    raise ValueError(f"{id}: {unknown} are no train ids; there are 0 to 18")
  name = pathlib.PurePosixPath(id).name
  images.save(Image.fromarray(table[label]), folder / f"{name}_pred.png")


def write_voc(folder: pathlib.Path, id: str, label: LabelMap) -> None:
  """The VOC server's tree, with a palette picture of class ids.

  FOLDER/results/VOC2012/Segmentation/comp6_test_cls/ID.png; competition 6 is
  the one in which any training data may be used (VOC2012 development kit).

  Args:
    folder: is made.
    id: of the image, such as 2008_000006.
    label: class ids, 0 for background.

  Raises:
    ValueError: a value is no class.
  """
  labels = data.datasets.labels("voc2012")
  if label.max() >= len(labels):
    raise ValueError(
        f"{id}: class {label.max()}; VOC has 0 to {len(labels) - 1}"
    )
  tree = folder / "results" / "VOC2012" / "Segmentation" / "comp6_test_cls"
  images.save(images.mask(label, labels), tree / f"{id}.png")


WRITERS: dict[str, Callable[[pathlib.Path, str, LabelMap], None]] = {
    "cityscapes": write_cityscapes,
    "voc": write_voc,
}
