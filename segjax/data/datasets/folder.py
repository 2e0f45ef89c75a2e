"""Your own folder of images and masks."""

from collections.abc import Sequence
import os
import pathlib
import re
import unicodedata
import zlib

import numpy as np
from PIL import ImageOps
import tensorflow_datasets as tfds

from segjax.data import labels
from segjax.data.datasets import archive, base, codecs

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_MASKS = (".png", ".bmp", ".tif", ".tiff", ".gif")
_LISTS = ("train", "val", "validation", "test", "trainval")


class Folder(base.Builder):
  """Images and masks of any names, in folders of any of three layouts.

  SPLIT/images/* and SPLIT/masks/*; images/SPLIT/* and masks/SPLIT/*; images/*
  and masks/*, with the ids of the splits in train.txt, val.txt, test.txt, or
  else all of them in train. An image and its mask have one name, but for what
  follows the dot. A split "val" is called validation. Where a split has no
  folder of masks, all of it is void.

  A mask holds a class number a pixel (grey, palette or 16-bit picture), or,
  in colour, the colours of the class table.

  Attributes:
    classes: the class table, see `labels.parse_classes`: the name of a file,
      or its lines. With a file, keep it where it is: it is read again
      whenever the data set is.
    title: what the prepared data set is called, a word.
    images: the name of the folders of images; so masks.
    suffix: what the names of masks have behind those of images: "_mask".
    upright: turns photographs by their EXIF tag. For masks that were drawn on
      the picture as a viewer shows it.
  """

  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "See docs/datasets.md#folder."

  def __init__(
      self,
      *,
      classes: str | Sequence[str] = ("background", "object"),
      title: str = "folder",
      images: str = "images",
      masks: str = "masks",
      suffix: str = "",
      upright: bool = False,
      config: None = None,
      **kwargs,
  ):
    del config  # Made from the options, so that each choice has its folder.
    if not re.fullmatch(r"[A-Za-z]\w*", title):
      raise ValueError(f"folder: title is a word, not {title!r}.")
    text, where = _read_classes(classes)
    self._table = labels.parse_classes(text, where)
    self.LABELS, self.TRAIN_IDS = self._table.labels, self._table.ids
    self._folders, self._suffix, self._upright = (
        (images, masks),
        suffix,
        upright,
    )
    options = repr((text, images, masks, suffix, upright)).encode()
    made = tfds.core.BuilderConfig(name=f"{title}_{zlib.crc32(options):08x}")
    super().__init__(config=made, **kwargs)

  def _create_builder_config(self, config, version):
    # TFDS warns of a configuration that the class does not list.
    del version
    return config

  def pairs(self, root: pathlib.Path) -> dict[str, list[base.Pair]]:
    self.notes = ()
    images, masks = (root / name for name in self._folders)
    if not images.is_dir():
      found = sorted(
          p for p in root.iterdir() if (p / self._folders[0]).is_dir()
      )
      if not found:
        raise FileNotFoundError(
            f"{root} has no folder {images.name}, nor has one of its folders."
        )
      parts = {p.name: tuple(p / name for name in self._folders) for p in found}
    elif any((root / f"{name}.txt").is_file() for name in _LISTS):
      return self._listed(root, self._pair(images, masks))
    elif any(p.suffix.lower() in _IMAGES for p in images.iterdir()):
      parts = {"train": (images, masks)}
    else:
      found = sorted(p.name for p in images.iterdir() if p.is_dir())
      parts = {name: (images / name, masks / name) for name in found}
    for name in parts:
      if not re.fullmatch(r"[A-Za-z]\w*", name):
        raise ValueError(
            f"{root}: a split has a word for a name, not {name!r}."
        )
    if {"val", "validation"} <= set(parts):
      raise ValueError(f"{root} has a split val and a split validation.")
    return {
        _split_name(name): self._pair(*folders)
        for name, folders in parts.items()
    }

  def read_image(self, file: archive.File) -> tuple[bytes, tuple[int, int]]:
    encoded = file.read()
    with codecs.decodable(file):
      image = codecs.decode(encoded, codecs.PICTURES)
      if self._upright and image.getexif().get(0x0112, 1) != 1:
        image = ImageOps.exif_transpose(image)
      elif image.format in codecs.FORMATS:
        return encoded, (image.height, image.width)
      rgb = codecs.rgb(image)
      return codecs.encode(rgb[..., ::-1]), rgb.shape[:2]

  def decode_label(self, file: archive.File) -> np.ndarray:
    with codecs.decodable(file):
      image = codecs.decode(file.read(), codecs.PICTURES)
    frames = getattr(image, "n_frames", 1)
    if image.format in ("JPEG", "MPO") or frames > 1:
      raise ValueError(
          f"{file} is a {image.format} of {frames} frame(s): a mask is one "
          "picture that keeps every value, such as a PNG."
      )
    if image.mode in ("1", "L", "P", "I", "I;16"):
      return np.asarray(image).astype(np.int32)
    if self._table.colours:
      return codecs.decode_colours(file, self._table.colours, codecs.PICTURES)
    rgb = np.asarray(image.convert("RGB"))
    if np.any(rgb != rgb[..., :1]):
      raise ValueError(
          f"{file} has colours, but the class table has none; a line of it "
          'may be "name R G B".'
      )
    return rgb[..., 0].astype(np.int32)

  def train_ids(self, label: np.ndarray, file: str) -> np.ndarray:
    if label.dtype == np.uint8:  # From colours: these are train ids already.
      return label
    return super().train_ids(label, file)

  def _pair(self, images: pathlib.Path, masks: pathlib.Path) -> list[base.Pair]:
    """Pairs of the files below two folders, sorted by id."""
    found = _by_id(images, _IMAGES)
    if not masks.is_dir():
      self.notes += (f"{images} has no masks: there is no {masks}.",)
      return [base.Pair(i, found[i]) for i in sorted(found)]
    drawn = {
        i.removesuffix(self._suffix): file
        for i, file in _by_id(masks, _MASKS).items()
        if i.endswith(self._suffix)
    }
    expected = f"{masks}/{{}}{self._suffix}.png"
    return base.pair_up(found, drawn, expected)

  def _listed(
      self, root: pathlib.Path, pairs: list[base.Pair]
  ) -> dict[str, list[base.Pair]]:
    """The splits that text files name: an id, or a file's name, a line."""
    by_id = {pair.id: pair for pair in pairs}
    files, splits = archive.Folder(root), {}
    for name in _LISTS:
      if f"{name}.txt" not in files:
        continue
      split = _split_name(name)
      if split in splits:
        raise ValueError(f"{root} has val.txt and validation.txt.")
      splits[split] = []
      for line in files.lines(f"{name}.txt"):
        line = _normal(line)
        pair = by_id.get(line, by_id.get(_stem(line)))
        if pair is None:
          raise FileNotFoundError(
              f"{root / name}.txt names {line!r}, but there is no such image."
          )
        splits[split].append(pair)
    return splits


def _read_classes(classes: str | Sequence[str]) -> tuple[str, str]:
  """The text of a class table, and what an error calls it."""
  if not isinstance(classes, str):
    return "\n".join(classes), "classes"
  path = os.path.expanduser(classes)
  try:
    return pathlib.Path(path).read_text(encoding="utf-8-sig"), classes
  except FileNotFoundError as error:
    raise FileNotFoundError(f"classes: there is no file {classes}.") from error
  except (UnicodeDecodeError, IsADirectoryError) as error:
    raise ValueError(f"classes: {classes} is no text file.") from error


def _by_id(
    folder: pathlib.Path, suffixes: tuple[str, ...]
) -> dict[str, archive.File]:
  """Files below a folder by their names without what follows the dot."""
  files, found = archive.Folder(folder), {}
  for name in sorted(files.names()):
    if not name.lower().endswith(suffixes) or "/." in f"/{name}":
      continue
    i = _normal(_stem(name))
    if i in found:
      raise ValueError(f"{files.file(name)} and {found[i]} have one name.")
    found[i] = files.file(name)
  return found


def _stem(name: str) -> str:
  return pathlib.PurePosixPath(name).with_suffix("").as_posix()


def _normal(name: str) -> str:
  """One form of each Unicode name, however the file system spells it."""
  return unicodedata.normalize("NFC", name)


def _split_name(name: str) -> str:
  return {"val": "validation"}.get(name, name)
