"""Small archives with the layout and the names of the real ones."""

import io
import json
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


def gray_jpg(h=12, w=16) -> bytes:
  return cv2.imencode(".jpg", np.full((h, w), 77, np.uint8))[1].tobytes()


def matrix(name: str, array: np.ndarray) -> bytes:
  """A .mat file with one variable."""
  buffer = io.BytesIO()
  scipy.io.savemat(buffer, {name: array}, do_compression=True)
  return buffer.getvalue()


def voc_test(ids=("2008_000001", "2008_000002")):
  """VOC2012test: images and their list, no masks."""
  top = "VOCdevkit/VOC2012"
  lists = f"{top}/ImageSets/Segmentation/test.txt"
  files = {lists: "\n".join((*ids, "")).encode()}
  return files | {f"{top}/JPEGImages/{i}.jpg": jpg() for i in (*ids, "2009_1")}


def camvid32():
  """(images, masks) of four frames: two train, one validation, one test."""
  ids = "0001TP_006690", "0006R0_f00930", "0016E5_07961", "Seq05VD_f00000"
  colours = [(64, 128, 64), (64, 192, 0), (0, 0, 0), (192, 192, 128)]
  label = np.repeat(np.array([colours], np.uint8), 12, 0)
  images = {f"701_StillsRaw_full/{i}.png": png(label) for i in ids}
  return images, {f"LabeledApproved_full/{i}_L.png": png(label) for i in ids}


def ade20k():
  """Two training images, one for validation, and the other files."""
  top, files = "ADEChallengeData2016", {}
  names = {
      "training": ("ADE_train_00000001", "ADE_train_00000002"),
      "validation": ("ADE_val_00000001",),
  }
  for folder, ids in names.items():
    for i in ids:
      files[f"{top}/images/{folder}/{i}.jpg"] = jpg()
      files[f"{top}/annotations/{folder}/{i}.png"] = png(mask(0, 1, 75, 150))
  return files | {
      f"{top}/objectInfo150.txt": b"Idx\tRatio",
      f"{top}/sceneCategories.txt": b"ADE_train_00000001 airport_terminal",
  }


COCO = {"train2017": (9, 25, 30), "val2017": (139, 285)}


def coco_images(year):
  return {f"{year}/{i:012}.jpg": jpg() for i in COCO[year]}


def coco_stuff_maps():
  """stuffthingmaps: a label less one; 255 unlabelled."""
  return {
      f"{year}/{i:012}.png": png(mask(0, 90 - 1, 92 - 1, 181, 255))
      for year, ids in COCO.items()
      for i in ids
  }


def coco_stuff_10k():
  """cocostuff-10k-v1.1: labels as they are, 0 unlabelled."""
  lists = {"train": ("COCO_train2014_000000000077",),
           "test": ("COCO_train2014_000000000400",)}  # fmt: skip
  files = {"cocostuff-labels.txt": b"0: unlabeled"}
  for name, ids in lists.items():
    files[f"imageLists/{name}.txt"] = "\n".join(ids).encode()
    for i in ids:
      files[f"images/{i}.jpg"] = jpg()
      label = mask(0, 1, 90, 92, 182)
      files[f"annotations/{i}.mat"] = matrix("S", label)
  files["imageLists/all.txt"] = b"\n".join(
      files[f"imageLists/{n}.txt"] for n in lists
  )
  return files


def coco_instances(year):
  """Instances of the images: a square person, a bus over it, and a kite."""
  square = [[2, 2, 10, 2, 10, 10, 2, 10]]
  runs = {"counts": [12 * 8, 24, 12 * 6], "size": [12, 16]}
  objects = [(1, square, 1500), (6, runs, 24), (38, square, 5000)]
  # The second image has too little of VOC's classes.
  notes = [
      {"image_id": i, "category_id": c, "segmentation": s, "area": a,
       "iscrowd": int(isinstance(s, dict))}
      for i in COCO[year][:1]
      for c, s, a in objects
  ] + [
      {"image_id": i, "category_id": 1, "segmentation": square, "area": 1000,
       "iscrowd": 0}
      for i in COCO[year][1:2]
  ]  # fmt: skip
  images = [{"id": i, "height": 12, "width": 16} for i in COCO[year]]
  return json.dumps({"images": images, "annotations": notes}).encode()


def voc2010(train=("2008_000002",), val=("2008_000003",)):
  """VOCtrainval 2010, as far as PASCAL-Context needs it."""
  top = "VOCdevkit/VOC2010"
  files = {
      f"{top}/ImageSets/Main/train.txt": "\n".join(train).encode(),
      f"{top}/ImageSets/Main/val.txt": "\n".join(val).encode(),
      f"{top}/ImageSets/Segmentation/train.txt": b"2007_000001",
  }
  for i in (*train, *val):
    files[f"{top}/JPEGImages/{i}.jpg"] = jpg()
  return files


def pascal_context(ids=("2008_000002", "2008_000003")):
  """Masks with a plane, a wood, a bird house, and what is no class at all."""
  label = mask(2, 1, 26, 0).astype(np.uint16)
  label[label == 1] = 458
  label[:, -1] = 459
  return {f"trainval/{i}.mat": matrix("LabelMap", label) for i in ids}


def sunrgbd():
  """(train images, test images, labels): labels are numbered test first."""
  train = {f"img-{i:06}.jpg": jpg() for i in (1, 2)}
  test = {f"img-{i:06}.jpg": jpg() for i in (1, 2, 3)}
  masks = {f"img-{i:06}.png": png(mask(0, i)) for i in (1, 2, 3)}
  masks |= {f"img-{5050 + i:06}.png": png(mask(0, 30 + i)) for i in (1, 2)}
  return train, test, masks


def tiff(pages) -> bytes:
  """A stack of grey pages."""
  buffer = io.BytesIO()
  first, *rest = (Image.fromarray(page) for page in pages)
  first.save(buffer, "TIFF", save_all=True, append_images=rest)
  return buffer.getvalue()


def cityscapes(kind="gtFine", splits=("train", "val")):
  """(images, masks) with every kind of file that the real archives hold."""
  images, masks = {"README": b"", "license.txt": b""}, {"README": b""}
  cities = {
      "train": "aachen",
      "val": "munster",
      "test": "berlin",
      "train_extra": "erlangen",
  }
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
