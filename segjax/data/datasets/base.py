"""What every builder shares: features, checks, order and clean failure."""

import abc
from collections.abc import Iterator, Mapping
import dataclasses
import functools
import pathlib
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
import tqdm

from segjax.data import labels
from segjax.data.datasets import archive, codecs

_EXAMPLES_PER_SHARD = 128  # TFDS holds one shard in memory as it writes it.


@dataclasses.dataclass(frozen=True)
class Pair:
  """An image and its label map, as files that have not been read yet.

  Without a label, as in the test split of a challenge, all of it is void.
  """

  id: str
  image: archive.File
  label: archive.File | None = None


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
    COUNTS: {split: images} as published; a build that differs has a note.
    notes: what the user should know about the build that has just run.
    bar: counts the images that are done during a build.
  """

  LABELS: ClassVar[labels.LabelSet]
  TRAIN_IDS: ClassVar[Mapping[int, int]]
  COUNTS: ClassVar[Mapping[str, int]] = {}
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
    encoded, size = self.read_image(pair.image)
    if pair.label is None:
      return encoded, np.full(size, labels.VOID, np.uint8)
    label = self.decode_label(pair.label)
    if label.shape != size:
      turned = label.shape == size[::-1]
      raise codecs.WrongSizeError(
          f"{pair.label} is {label.shape[0]} x {label.shape[1]} (height x "
          f"width), but its image {pair.image} is {size[0]} x {size[1]}."
          + " Is the mask turned by an EXIF tag of the image?" * turned
      )
    return encoded, self.train_ids(label, str(pair.label))

  def read_image(self, file: archive.File) -> tuple[bytes, tuple[int, int]]:
    """An encoded PNG or JPEG that is intact, and its height and width."""
    encoded = file.read()
    with codecs.decodable(file):
      image = codecs.decode(encoded)
    return encoded, (image.height, image.width)

  def decode_label(self, file: archive.File) -> np.ndarray:
    """The values of a label file; the indices, where it has a palette."""
    with codecs.decodable(file):
      image = codecs.decode(file.read())
    frames = getattr(image, "n_frames", 1)
    if image.mode not in ("L", "P") or frames > 1:
      raise ValueError(
          f"{file} must hold one 8-bit class number a pixel (PNG of mode L "
          f"or P); its mode is {image.mode}, with {frames} frame(s)."
      )
    return np.asarray(image)

  def train_ids(self, label: np.ndarray, file: str) -> np.ndarray:
    """Maps the values of a label file to train ids."""
    table = _lookup(tuple(self.TRAIN_IDS.items()))
    label = np.asarray(label)
    known = (label >= 0) & (label < len(table))
    ids = np.where(known, table[np.where(known, label, 0)], -1)
    if np.any(ids < 0):
      values = ", ".join(str(v) for v in np.unique(label[ids < 0])[:5])
      raise codecs.WrongLabelError(
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
    self.notes += self._miscounts(splits)
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

  def _miscounts(self, splits: Mapping[str, list[Pair]]) -> tuple[str, ...]:
    counts = {
        s: (len(pairs), self.COUNTS.get(s)) for s, pairs in splits.items()
    }
    wrong = [
        f"{s} {n} ({p})" for s, (n, p) in counts.items() if p not in (n, None)
    ]
    if not wrong:
      return ()
    return (f"Images found (as published): {', '.join(wrong)}.",)

  def _shard(
      self, pairs: list[Pair], sizes: list, start: int
  ) -> Iterator[tuple[int, dict[str, Any]]]:
    stop = min(start + _EXAMPLES_PER_SHARD, len(pairs))
    for i in range(start, stop):
      image, label = self.read(pairs[i])
      sizes[i] = label.shape
      if self.bar is not None:
        self.bar.update()
      name = pairs[i].id.encode("utf-8", errors="replace").decode()
      yield i, {"image": image, "label": codecs.encode(label), "id": name}


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


@functools.lru_cache(maxsize=8)
def _lookup(train_ids: tuple[tuple[int, int], ...]) -> np.ndarray:
  table = np.full(
      max(256, *(value + 1 for value, _ in train_ids)), -1, np.int16
  )
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
