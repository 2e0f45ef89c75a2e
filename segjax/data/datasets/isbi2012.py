"""ISBI 2012: neuronal membranes in electron microscopy, U-Net's data."""

from collections.abc import Iterator
import contextlib
import io
import pathlib
from typing import ClassVar

from PIL import Image
import tensorflow_datasets as tfds

from segjax.data import labels
from segjax.data.datasets import archive, base

_VALIDATION = 24  # The first slice of the split.


class Isbi2012(base.Builder):
  """ISBI 2012 membranes, 2 classes: slices of 512 x 512 pixels, in grey.

  Cardona et al. 2010, "An integrated micro- and macroarchitectural analysis
  of the Drosophila brain"; Arganda-Carreras et al. 2015, "Crowdsourcing the
  creation of image segmentation algorithms for connectomics". The 30 labelled
  slices are one stack, so they are split by position: 0 to 23 are train, 24
  to 29 validation. The 30 slices of test have no public labels.
  """

  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "See docs/datasets.md#isbi2012."
  LABELS = labels.LabelSet(("membrane", "cell"), ((0, 0, 0), (255, 255, 255)))
  TRAIN_IDS: ClassVar = {0: 0, 255: 1}
  COUNTS: ClassVar = {"train": 24, "validation": 6, "test": 30}

  def pairs(self, root: pathlib.Path) -> dict[str, list[base.Pair]]:
    if (root / "data" / "membrane").is_dir():
      root = root / "data" / "membrane"
    if (root / "train-volume.tif").exists():
      images = Stack(root / "train-volume.tif").slices()
      masks = Stack(root / "train-labels.tif").slices()
      test = root / "test-volume.tif"
      test = Stack(test).slices() if test.exists() else {}
      masks_name = "slice {} of train-labels.tif"
    else:
      train = archive.find(root, "train")
      folder = archive.find(train, "images", "image")
      images = _slices(folder)
      masks = _slices(archive.find(train, "labels", "label"))
      masks_name = f"{train}/label*/{{}}.png"
      test = _slices(root / "test" / folder.name) or _slices(root / "test")
    labelled = base.pair_up(images, masks, expected=masks_name)
    splits = {
        "train": [p for p in labelled if int(p.id) < _VALIDATION],
        "validation": [p for p in labelled if int(p.id) >= _VALIDATION],
    }
    if test:
      splits["test"] = [base.Pair(i, test[i]) for i in sorted(test)]
    return splits


class Stack(archive.Archive):
  """The pages of a TIFF file, as PNG files "00.png", "01.png"..."""

  def names(self) -> list[str]:
    with self._opened() as stack:
      return [f"{i:02}.png" for i in range(stack.n_frames)]

  def slices(self) -> dict[str, archive.File]:
    """The pages by number, two digits.

    Raises:
      FileNotFoundError: if there is no such file.
    """
    return self.files(r"(\d+)\.png")

  def _size(self, name: str) -> int:
    with self._opened() as stack:
      return stack.width * stack.height

  def _read(self, name: str) -> bytes:
    page = io.BytesIO()
    with self._opened() as stack:
      stack.seek(int(name.removesuffix(".png")))
      stack.save(page, "PNG")
    return page.getvalue()

  @contextlib.contextmanager
  def _opened(self) -> Iterator[Image.Image]:
    with archive.damage(self.path):
      try:
        with Image.open(self.path) as stack:
          yield stack
      except OSError:
        raise
      except Exception as error:  # Whatever Pillow meets in random bytes.
        raise ValueError(repr(error)) from error


def _slices(folder: pathlib.Path) -> dict[str, archive.File]:
  """Pictures named by number, by two digits."""
  found = archive.Folder(folder).files(r"(\d+)\.png")
  return {f"{int(i):02}": file for i, file in found.items()}
