"""Small archives with the layout and the names of the real ones."""

import io
import pathlib
import tarfile
import zipfile

import cv2
import numpy as np
from PIL import Image
import scipy.io

REAL = pathlib.Path(__file__).parents[3].parent / "shared" / "data"


def jpg(h=12, w=16) -> bytes:
  noise = np.random.default_rng(0).integers(0, 256, (h, w, 3), np.uint8)
  return cv2.imencode(".jpg", noise)[1].tobytes()


def png(array: np.ndarray) -> bytes:
  """RGB or single-channel."""
  if array.ndim == 3:
    array = array[..., ::-1]
  return cv2.imencode(".png", array)[1].tobytes()


def palette_png(array: np.ndarray) -> bytes:
  """Mode P, as the masks of VOC are; the palette is not the identity."""
  image = Image.fromarray(array)
  image.putpalette(np.arange(768)[::-1] % 256)
  return pil_bytes(image, "PNG")


def pil_bytes(image: Image.Image, kind: str) -> bytes:
  buffer = io.BytesIO()
  image.save(buffer, kind)
  return buffer.getvalue()


def mat(array: np.ndarray) -> bytes:
  """A mask as in cls/ of SBD: a struct GTcls with a field Segmentation."""
  buffer = io.BytesIO()
  content = {"Boundaries": 0, "Segmentation": array, "CategoriesPresent": 1}
  scipy.io.savemat(buffer, {"GTcls": content}, do_compression=True)
  return buffer.getvalue()


def write_tar(path, files, mode="w"):
  with tarfile.open(path, mode) as tar:
    for name, content in files.items():
      info = tarfile.TarInfo(name)
      info.size = len(content)
      tar.addfile(info, io.BytesIO(content))


def write_zip(path, files):
  with zipfile.ZipFile(path, "w") as archive:
    for name, content in files.items():
      archive.writestr(name, content)


def write_folder(path, files):
  for name, content in files.items():
    file = path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def mask(*values, h=12, w=16) -> np.ndarray:
  """A label map with a stripe of each value."""
  return np.repeat(np.resize(values, w)[None], h, 0).astype(np.uint8)


def camvid() -> dict[str, bytes]:
  """Two images in train, one in val."""
  files = {}
  for folder, ids in {"train": ("a_1", "a_2"), "val": ("b_1",)}.items():
    for i in ids:
      files[f"{folder}/{i}.png"] = png(np.full((12, 16, 3), (9, 80, 200)))
      files[f"{folder}annot/{i}.png"] = png(mask(0, 5, 10, 11))
  return files


def voc(train=("2007_000001", "2007_000002"), val=("2007_000009",), more=()):
  """VOCtrainval; `more` are images of the other challenges, without masks."""
  top = "VOCdevkit/VOC2012"
  lists = f"{top}/ImageSets/Segmentation"
  files = {
      f"{lists}/train.txt": "\n".join((*train, "")).encode(),
      f"{lists}/val.txt": "\n".join((*val, "")).encode(),
      f"{lists}/trainval.txt": "\n".join((*train, *val, "")).encode(),
      f"{top}/Annotations/2007_000001.xml": b"<annotation/>",
  }
  for i in (*train, *val, *more):
    files[f"{top}/JPEGImages/{i}.jpg"] = jpg()
  for i in (*train, *val):
    files[f"{top}/SegmentationClass/{i}.png"] = palette_png(mask(0, 20, 255))
  return files


def sbd(
    train=("2007_000002", "2008_000003"), val=("2007_000009", "2008_000004")
):
  """benchmark_RELEASE: overlaps VOC's train in one image, val in another."""
  top = "benchmark_RELEASE/dataset"
  files = {
      f"{top}/train.txt": "\n".join((*train, "")).encode(),
      f"{top}/val.txt": "\n".join((*val, "")).encode(),
  }
  for i in (*train, *val):
    files[f"{top}/cls/{i}.mat"] = mat(mask(0, 7))
    files[f"{top}/inst/{i}.mat"] = mat(mask(0, 1))
    files[f"{top}/img/{i}.jpg"] = jpg()
  return files


def cityscapes(kind="gtFine", splits=("train", "val")):
  """(images, masks) with every kind of file that the real archives hold."""
  images, masks = {"README": b"", "license.txt": b""}, {"README": b""}
  cities = {"train": "aachen", "val": "munster", "train_extra": "erlangen"}
  for i, split in enumerate(splits):
    city = cities[split]
    for frame in range(2):
      stem = f"{city}/{city}_000000_{frame:06}"
      image = np.full((16, 32, 3), 50 + 2 * i + frame, np.uint8)
      label = mask(*range(34), h=16, w=34)[:, 1:33]
      images[f"leftImg8bit/{split}/{stem}_leftImg8bit.png"] = png(image)
      name = f"{kind}/{split}/{stem}_{kind}"
      masks[f"{name}_labelIds.png"] = png(label)
      masks[f"{name}_instanceIds.png"] = png(label.astype(np.uint16))
      masks[f"{name}_color.png"] = png(np.stack([label] * 3, -1))
      masks[f"{name}_polygons.json"] = b"{}"
  return images, masks
