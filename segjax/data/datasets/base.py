"""What every builder shares: features, checks, order and clean failure."""

import abc
from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import functools
import io
import pathlib
import struct
from typing import Any, ClassVar
import warnings
import zlib

import cv2
import numpy as np
from PIL import Image
import tensorflow_datasets as tfds
import tqdm

from segjax.data import labels
from segjax.data.datasets import archive

_UNDECODABLE = (
    OSError,
    EOFError,
    SyntaxError,  # Pillow's word for a broken PNG.
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_EXAMPLES_PER_SHARD = 128  # TFDS holds one shard in memory as it writes it.


@dataclasses.dataclass(frozen=True)
class Pair:
  """An image and its label map, as files that have not been read yet."""

  id: str
  image: archive.File
  label: archive.File


class Builder(tfds.core.ShardBasedBuilder, skip_registration=True):
  """A data set of images and label maps, written as ArrayRecord.

  A subclass has a VERSION, the class attributes below and `pairs`. Examples
  stay in the order of `pairs`: the position in a split is a stable address.
  (TFDS's shuffling builder needs TensorFlow as soon as a split passes 1 GB;
  this one never does.) The label maps that are written hold train ids, and
  255 where nobody labelled.

  Attributes:
    LABELS: the classes, in the order of the train ids.
    TRAIN_IDS: {value in the label files: train id or 255}; another value is
      an error that names the file.
    notes: what the user should know about the build that has just run.
    bar: counts the images that are done during a build.
  """

  LABELS: ClassVar[labels.LabelSet]
  TRAIN_IDS: ClassVar[Mapping[int, int]]
  notes: tuple[str, ...] = ()
  bar: tqdm.tqdm | None = None

  def __init_subclass__(cls, **kwargs):
    # TFDS has a "cityscapes" and others of its own; ours are found by module.
    super().__init_subclass__(skip_registration=True, **kwargs)

  def __init__(self, *, file_format: Any = "array_record", **kwargs):
    super().__init__(file_format=file_format, **kwargs)

  @abc.abstractmethod
  def pairs(self, root: pathlib.Path) -> dict[str, list[Pair]]:
    """The examples of each split, found under the folder of the downloads.

    Raises:
      FileNotFoundError: naming the file that is missing.
      ValueError: naming the file that is not as it should be.
    """

  def read(self, pair: Pair) -> tuple[bytes, np.ndarray]:
    """An encoded image (PNG or JPEG) and its label map, uint8 (h, w)."""
    encoded = pair.image.read()
    with decodable(pair.image):
      image = decode(encoded)
    label = self.decode_label(pair.label)
    if label.shape != (image.height, image.width):
      raise ValueError(
          f"{pair.label} is {label.shape[0]} x {label.shape[1]} (height x "
          f"width), but its image {pair.image} is "
          f"{image.height} x {image.width}."
      )
    return encoded, self.train_ids(label, str(pair.label))

  def decode_label(self, file: archive.File) -> np.ndarray:
    """The values of a label file; the indices, where it has a palette."""
    with decodable(file):
      image = decode(file.read())
    if image.mode not in ("L", "P"):
      raise ValueError(
          f"{file} must hold one 8-bit class number a pixel (PNG of mode L "
          f"or P); its mode is {image.mode}."
      )
    return np.asarray(image)

  def train_ids(self, label: np.ndarray, file: str) -> np.ndarray:
    """Maps the values of a label file to train ids."""
    ids = _lookup(tuple(self.TRAIN_IDS.items()))[label]
    if np.any(ids < 0):
      values = ", ".join(str(v) for v in np.unique(label[ids < 0])[:5])
      raise ValueError(
          f"{file} has label {values}; possible are "
          f"{_ranges(self.TRAIN_IDS)}."
      )
    return ids.astype(np.uint8)

  def _info(self) -> tfds.core.DatasetInfo:
    features = {
        "image": tfds.features.Image(shape=(None, None, 3)),
        "label": tfds.features.Image(
            shape=(None, None, 1), encoding_format="png"
        ),
        "id": tfds.features.Text(),
    }
    return tfds.core.DatasetInfo(
        builder=self,
        description=self.__doc__,
        features=tfds.features.FeaturesDict(features),
        metadata=tfds.core.MetadataDict(),
        disable_shuffling=True,
    )

  def _shard_iterators_per_split(self, dl_manager):
    root = None
    if self.MANUAL_DOWNLOAD_INSTRUCTIONS:
      root = pathlib.Path(dl_manager.manual_dir)
    splits = self.pairs(root)
    for split, pairs in splits.items():
      if not pairs:
        raise FileNotFoundError(f"{root}: found no image for split {split}.")
    sizes = {split: [None] * len(pairs) for split, pairs in splits.items()}
    self.info.metadata["sizes"] = sizes
    if self.bar is not None:
      self.bar.reset(total=sum(len(pairs) for pairs in splits.values()))
    shards = {}
    for split, pairs in splits.items():
      starts = range(0, len(pairs), _EXAMPLES_PER_SHARD)
      write = functools.partial(self._shard, pairs, sizes[split])
      shards[split] = [functools.partial(write, start) for start in starts]
    return shards

  def _shard(
      self, pairs: list[Pair], sizes: list, start: int
  ) -> Iterator[tuple[int, dict[str, Any]]]:
    stop = min(start + _EXAMPLES_PER_SHARD, len(pairs))
    for i in range(start, stop):
      image, label = self.read(pairs[i])
      sizes[i] = label.shape
      if self.bar is not None:
        self.bar.update()
      yield i, {"image": image, "label": encode(label), "id": pairs[i].id}


def pair_up(
    images: Mapping[str, archive.File],
    masks: Mapping[str, archive.File],
    expected: str,
) -> list[Pair]:
  """Pairs images and masks of the same id, sorted by id.

  Args:
    images: files by id.
    masks: files by id.
    expected: the mask's name, with {} for the id.

  Raises:
    FileNotFoundError: if an image has no mask or a mask no image.
  """
  for i in sorted(images):
    if i not in masks:
      raise FileNotFoundError(
          f"{images[i]} has no mask: there is no {expected.format(i)}."
      )
  for i in sorted(masks):
    if i not in images:
      raise FileNotFoundError(f"{masks[i]} is the mask of no image.")
  return [Pair(i, images[i], masks[i]) for i in sorted(images)]


def decode(encoded: bytes) -> Image.Image:
  """Decodes a PNG or JPEG completely, checksums included.

  OpenCV decodes the images at run time, but returns what it has got of a
  file that was cut short; and it turns palette indices into colours.
  """
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    image = Image.open(io.BytesIO(encoded))
    if image.format not in ("PNG", "JPEG", "MPO"):
      raise ValueError(f"a {image.format} file")
    if image.format == "PNG":
      image.verify()
      image = Image.open(io.BytesIO(encoded))
    image.load()
  return image


def encode(label: np.ndarray) -> bytes:
  """A label map as a PNG with one channel of 8 bits."""
  ok, encoded = cv2.imencode(".png", label)
  if not ok:
    raise ValueError(f"OpenCV cannot encode a label map {label.shape}.")
  return encoded.tobytes()


@contextlib.contextmanager
def decodable(file: archive.File) -> Iterator[None]:
  """Turns what decoding `file` raises into one ValueError that names it."""
  try:
    yield
  except FileNotFoundError:
    raise
  except _UNDECODABLE as error:
    if str(file.archive.path) in str(error):
      raise
    raise ValueError(
        f"{file} is not an intact PNG or JPEG ({error})."
    ) from error


@functools.lru_cache(maxsize=8)
def _lookup(train_ids: tuple[tuple[int, int], ...]) -> np.ndarray:
  table = np.full(256, -1, np.int16)
  for value, train_id in train_ids:
    table[value] = train_id
  return table


def _ranges(values: Mapping[int, int]) -> str:
  """0, 1, 2, 255 as "0..2, 255"."""
  runs = []
  for value in sorted(values):
    if runs and runs[-1][1] == value - 1:
      runs[-1][1] = value
    else:
      runs.append([value, value])
  return ", ".join(f"{a}..{b}" if a < b else f"{a}" for a, b in runs)
