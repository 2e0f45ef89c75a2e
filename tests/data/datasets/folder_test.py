"""Your own folder: three layouts, ids or colours, and what goes wrong."""

import unicodedata

import numpy as np
from PIL import Image
import pytest

from segjax import data
from tests.data.datasets import layouts

MASK = layouts.mask(0, 1, 255)
IMAGE = layouts.png(np.full((12, 16, 3), (9, 80, 200)))


def prepare(tmp_path, files, **options):
  layouts.write_folder(tmp_path / "mine", files)
  return data.datasets.prepare(
      "folder", tmp_path / "data", tmp_path / "mine", **options
  )


def read(tmp_path, split="train", **options):
  source = data.open("folder", split, tmp_path / "data", **options)
  return [source[i] for i in range(len(source))]


def counts(builder):
  return {k: v.num_examples for k, v in builder.info.splits.items()}


TREES = {
    "split first": ("{s}/images/{i}", "{s}/masks/{i}"),
    "kind first": ("images/{s}/{i}", "masks/{s}/{i}"),
}
IDS = {"train": ("a", "b"), "val": ("deep/c.1",)}


def tree(kind, image=".jpg"):
  images, masks = TREES[kind]
  files = {"notes.txt": b"", "images/.DS_Store": b""}
  for s, ids in IDS.items():
    for i in ids:
      files[images.format(s=s, i=i) + image] = layouts.jpg()
      files[masks.format(s=s, i=i) + ".png"] = layouts.png(MASK)
  if kind == "split first":
    del files["images/.DS_Store"]
  return files


@pytest.mark.parametrize("kind", TREES)
def test_both_layouts_of_splits(tmp_path, kind):
  builder = prepare(tmp_path, tree(kind))
  assert counts(builder) == {"train": 2, "validation": 1}
  assert builder.notes == ()
  (example,) = read(tmp_path, "validation")
  assert example["id"] == "deep/c.1"
  np.testing.assert_array_equal(example["label"], MASK)
  assert data.datasets.labels("folder").names == ("background", "object")


def test_one_folder_is_train_or_what_lists_say(tmp_path):
  files = {f"images/{i}.png": IMAGE for i in "abcd"}
  files |= {f"masks/{i}.png": layouts.png(MASK) for i in "abcd"}
  assert counts(prepare(tmp_path / "1", files)) == {"train": 4}
  files |= {"train.txt": b"d\nb.png\n", "val.txt": b"\n a \n"}
  prepare(tmp_path / "2", files)
  assert [e["id"] for e in read(tmp_path / "2")] == ["d", "b"]
  assert [e["id"] for e in read(tmp_path / "2", "validation")] == ["a"]
  with pytest.raises(FileNotFoundError, match=r"test.txt names 'x.png', but"):
    prepare(tmp_path / "3", files | {"test.txt": b"x.png"})


def test_images_without_masks_are_void(tmp_path):
  files = tree("split first") | {"test/images/t.jpg": layouts.jpg()}
  builder = prepare(tmp_path, files)
  assert "test/images has no masks" in builder.notes[0]
  (example,) = read(tmp_path, "test")
  assert np.all(example["label"] == data.VOID)


def test_values_come_from_the_class_table_in_a_file(tmp_path):
  table = tmp_path / "classes.txt"
  table.write_text("0: void\n3: ground\n200: water\n255: sky\n", "utf-8-sig")
  label = layouts.mask(0, 3, 200, 255)
  files = {"images/a.png": IMAGE, "masks/a.png": layouts.palette_png(label)}
  prepare(tmp_path, files, classes=str(table))
  (example,) = read(tmp_path, classes=str(table))
  np.testing.assert_array_equal(
      example["label"], layouts.mask(data.VOID, 0, 1, 2)
  )
  # Another table is another data set.
  table.write_text("0: ground\n3: void\n200: water\n255: sky\n")
  with pytest.raises(FileNotFoundError, match="not prepared"):
    read(tmp_path, classes=str(table))


def test_colours_come_from_the_class_table(tmp_path):
  classes = ("ground 90 60 0", "water 0 0 255", "void 255 255 255")
  colours = np.array([(90, 60, 0), (0, 0, 255), (255, 255, 255)], np.uint8)
  label = layouts.mask(0, 1, 2)
  files = {
      "images/a.jpg": layouts.jpg(),
      "masks/a.png": layouts.png(colours[label]),
  }
  prepare(tmp_path, files, classes=classes)
  (example,) = read(tmp_path, classes=classes)
  np.testing.assert_array_equal(example["label"], layouts.mask(0, 1, data.VOID))
  colours[1] = 1
  files["masks/a.png"] = layouts.png(colours[label])
  with pytest.raises(ValueError, match=r"a.png has the colour \(1, 1, 1\) at"):
    prepare(tmp_path / "2", files, classes=classes)
  with pytest.raises(ValueError, match=r"a.png has colours, but the class"):
    prepare(tmp_path / "3", files)


def test_names_and_suffixes_are_options(tmp_path):
  files = {"rgb/a.JPG": layouts.jpg(), "gt/a_seg.png": layouts.png(MASK)}
  files |= {"gt/a_colour.png": b"not read"}
  options = dict(images="rgb", masks="gt", suffix="_seg", title="fields")
  builder = prepare(tmp_path, files, **options)
  assert counts(builder) == {"train": 1}
  assert (tmp_path / "data" / "folder").is_dir()
  assert builder.builder_config.name.startswith("fields_")


@pytest.mark.parametrize("kind", ("BMP", "TIFF", "WEBP"))
def test_other_pictures_are_stored_as_png(tmp_path, kind):
  picture = Image.new("RGB", (16, 12), (9, 80, 200))
  suffix = {"TIFF": ".tif"}.get(kind, f".{kind.lower()}")
  files = {
      f"images/a{suffix}": layouts.pil_bytes(picture, kind),
      "masks/a.png": layouts.png(MASK),
  }
  prepare(tmp_path, files)
  (example,) = read(tmp_path)
  assert np.abs(example["image"].astype(int) - (9, 80, 200)).max() < 4


@pytest.mark.parametrize("mode", ("1", "L", "P", "I;16", "RGB"))
def test_masks_of_every_depth(tmp_path, mode):
  label = layouts.mask(0, 1)
  if mode == "I;16":
    mask = Image.fromarray(label.astype(np.uint16))
  elif mode == "1":
    mask = Image.fromarray(label.astype(bool))
  else:
    mask = Image.fromarray(label).convert(mode)
  files = {"images/a.png": IMAGE, "masks/a.png": layouts.pil_bytes(mask, "PNG")}
  prepare(tmp_path, files)
  np.testing.assert_array_equal(read(tmp_path)[0]["label"], label)


def test_an_exif_tag_turns_the_image_where_asked(tmp_path):
  pixels = np.zeros((16, 12, 3), np.uint8)
  pixels[8:] = 255
  exif = Image.Exif()
  exif[0x0112] = 8  # A quarter turn to the left.
  path = tmp_path / "turned.jpg"
  Image.fromarray(pixels).save(path, exif=exif)
  files = {"images/a.jpg": path.read_bytes(), "masks/a.png": layouts.png(MASK)}
  with pytest.raises(ValueError, match="Is the mask turned by an EXIF tag"):
    prepare(tmp_path / "1", files)
  prepare(tmp_path / "2", files, upright=True)
  (example,) = read(tmp_path / "2", upright=True)
  assert example["image"].shape == (12, 16, 3)
  assert example["image"][:, :7].max() < 40
  assert example["image"][:, 9:].min() > 215


def test_names_pair_however_unicode_spells_them(tmp_path):
  one, other = (unicodedata.normalize(f, "fenêtre 窓") for f in ("NFC", "NFD"))
  assert one != other
  files = {f"images/{other}.png": IMAGE, f"masks/{one}.png": layouts.png(MASK)}
  prepare(tmp_path, files)
  assert read(tmp_path)[0]["id"] == one


def test_a_name_that_is_no_unicode_is_kept_readable(tmp_path):
  import os

  for folder, content in (("images", IMAGE), ("masks", layouts.png(MASK))):
    (tmp_path / "mine" / folder).mkdir(parents=True)
    name = os.fsencode(tmp_path / "mine" / folder) + b"/\xff.png"
    with open(name, "wb") as file:
      file.write(content)
  prepare(tmp_path, {})
  assert read(tmp_path)[0]["id"] == "?"


def test_a_link_from_a_folder_to_itself_ends(tmp_path):
  layouts.write_folder(tmp_path / "mine", tree("kind first"))
  (tmp_path / "mine/images/train/again").symlink_to(
      tmp_path / "mine/images/train"
  )
  builder = prepare(tmp_path, {})
  assert counts(builder) == {"train": 2, "validation": 1}


BAD = {
    "a mask of no image": (
        {"masks/z.png": IMAGE}, FileNotFoundError, "z.png is the mask of no"),
    "an image without mask": (
        {"images/z.png": IMAGE}, FileNotFoundError, r"no .*masks/z.png"),
    "two images of one name": (
        {"images/a.jpg": IMAGE}, ValueError, "a.png and .*a.jpg have one name"),
    "a label of no class": (
        {"masks/a.png": layouts.png(layouts.mask(2))}, ValueError,
        r"a.png has label 2; possible are 0\.\.1, 255"),
    "a mask of another size": (
        {"masks/a.png": layouts.png(layouts.mask(0, w=17))}, ValueError,
        "a.png is 12 x 17"),
    "a mask with losses": (
        {"masks/a.png": layouts.gray_jpg()}, ValueError, "a JPEG of 1 frame"),
    "an image that is none": (
        {"images/a.png": b"GIF"}, ValueError, "a.png is not an intact"),
    "a damaged TIFF": (
        {"images/a.png": layouts.tiff([MASK])[:40]}, ValueError,
        "a.png is not an intact"),
    "two lists of validation": (
        {"val.txt": b"a", "validation.txt": b"a"}, ValueError, "val.txt and val"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit_is_named(tmp_path, what):
  files, error, message = BAD[what]
  good = {"images/a.png": IMAGE, "masks/a.png": layouts.png(MASK)}
  with pytest.raises(error, match=message):
    prepare(tmp_path, good | files)
  assert not (tmp_path / "data").exists()


def test_bad_options_are_named(tmp_path):
  cases = [
      (dict(classes="nowhere.txt"), FileNotFoundError, "no file nowhere.txt"),
      (dict(classes=str(tmp_path)), ValueError, "is no text file"),
      (
          dict(classes=("a", "a")),
          ValueError,
          "classes: Class names must differ",
      ),
      (dict(title="a/b"), ValueError, "title is a word, not 'a/b'"),
  ]
  for options, error, message in cases:
    with pytest.raises(error, match=message):
      data.datasets.builder("folder", tmp_path, **options)
  with pytest.raises(FileNotFoundError, match="has no folder images"):
    prepare(tmp_path, {"pictures/a.png": IMAGE})
  with pytest.raises(ValueError, match="has a word for a name, not 'a b'"):
    prepare(tmp_path / "2", {"images/a b/c.png": IMAGE})


@pytest.mark.skipif(
    not (layouts.REAL / "isbi2012").exists(),
    reason="needs ../shared/data/isbi2012",
)
def test_real_slices_as_a_folder_of_ones_own(tmp_path):
  """Masks of 0 and 255, where 255 is a class; test has no masks."""
  options = dict(classes=("0: membrane", "255: cell"), masks="labels")
  builder = data.datasets.prepare(
      "folder", tmp_path, layouts.REAL / "isbi2012", **options
  )
  assert counts(builder) == {"train": 30, "test": 30}
  source = data.open("folder", "train", tmp_path, **options)
  want = data.datasets.builder("isbi2012", tmp_path)
  pair = want.pairs(layouts.REAL / "isbi2012")["train"][3]
  np.testing.assert_array_equal(source[3]["label"], want.read(pair)[1])
