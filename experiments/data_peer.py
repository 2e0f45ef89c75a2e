"""The peer of our streams: PyTorch's DataLoader with OpenCV and NumPy.

Written as the public PyTorch trainers for segmentation have it: a `Dataset`
decodes a file, resizes the whole image by a random factor, pads, crops with the
0.75 limit on one class in at most ten tries, mirrors, normalises to float32 and
puts channels first; worker processes do this and collate. Without the two steps
before the last it gives what our streams give, uint8 images and labels.
"""

from collections.abc import Sequence
import dataclasses
import pathlib
import random

import cv2
import numpy as np
import torch
from torch.utils import data

_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_STD = np.array([58.395, 57.12, 57.375], np.float32)


@dataclasses.dataclass
class Files(data.Dataset):
  """Pairs of an image file and a label file, augmented.

  Attributes:
    pairs: of paths.
    crop: height and width.
    repeat: how often an epoch reads all pairs, so that workers live long.
    normalize: gives float32 images, channels first, and int64 labels.
  """

  pairs: Sequence[tuple[pathlib.Path, pathlib.Path]]
  crop: tuple[int, int]
  repeat: int = 1
  normalize: bool = True

  def __len__(self) -> int:
    return len(self.pairs) * self.repeat

  def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
    image_path, label_path = self.pairs[index % len(self.pairs)]
    image = cv2.imread(str(image_path), cv2.IMREAD_COLOR)
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    label = cv2.imread(str(label_path), cv2.IMREAD_GRAYSCALE)
    image, label = augment(image, label, self.crop)
    if not self.normalize:
      arrays = np.ascontiguousarray(image), np.ascontiguousarray(label)
      return tuple(map(torch.from_numpy, arrays))
    image = (image.astype(np.float32) - _MEAN) / _STD
    image = np.ascontiguousarray(image.transpose(2, 0, 1))
    return torch.from_numpy(image), torch.from_numpy(label.astype(np.int64))


def augment(
    image: np.ndarray, label: np.ndarray, crop: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
  """Random scale 0.5 to 2, padding, crop and flip."""
  factor = random.uniform(0.5, 2.0)
  image = cv2.resize(
      image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR
  )
  label = cv2.resize(
      label, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST
  )
  missing = [max(c - n, 0) for c, n in zip(crop, label.shape)]
  if any(missing):
    sides = (0, missing[0], 0, missing[1], cv2.BORDER_CONSTANT)
    image = cv2.copyMakeBorder(image, *sides, value=_MEAN.tolist())
    label = cv2.copyMakeBorder(label, *sides, value=255)
  for _ in range(10):
    top = random.randint(0, label.shape[0] - crop[0])
    left = random.randint(0, label.shape[1] - crop[1])
    part = label[top : top + crop[0], left : left + crop[1]]
    counts = np.bincount(part.ravel(), minlength=256)[:255]
    if counts.max() < 0.75 * counts.sum():
      break
  image = image[top : top + crop[0], left : left + crop[1]]
  if random.random() < 0.5:
    image, part = image[:, ::-1], part[:, ::-1]
  return image, part


def loader(
    pairs: Sequence[tuple[pathlib.Path, pathlib.Path]],
    crop: tuple[int, int],
    batch_size: int,
    workers: int,
    *,
    repeat: int,
    normalize: bool,
) -> data.DataLoader:
  """A shuffled DataLoader with `workers` processes, of one OpenCV thread."""
  return data.DataLoader(
      Files(pairs, crop, repeat, normalize),
      batch_size=batch_size,
      shuffle=True,
      num_workers=workers,
      worker_init_fn=_start,
      drop_last=True,
      # JAX has threads in this process, which a fork would not survive.
      multiprocessing_context="spawn" if workers else None,
  )


def _start(worker: int) -> None:
  cv2.setNumThreads(0)
  random.seed(worker)
