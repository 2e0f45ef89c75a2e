"""Names, options, and all or nothing: what holds for every data set."""

import pathlib
import re
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest

from segjax import data
from segjax.data import datasets
from segjax.data.datasets import base
from tests.data.datasets import layouts

OPTIONS = dict(size=32, train=5, validation=2, test=2)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  folder = tmp_path_factory.mktemp("data")
  datasets.prepare("shapes", folder, **OPTIONS)
  return folder


def test_every_name_has_a_builder_labels_and_a_section_in_the_docs(tmp_path):
  docs = pathlib.Path(__file__).parents[3] / "docs" / "datasets.md"
  for name in datasets.names():
    builder = datasets.builder(name, tmp_path)
    assert builder.name == name
    assert issubclass(type(builder), base.Builder)
    assert len(datasets.labels(name)) >= 2
    assert f"\n## {name}\n" in docs.read_text()


def test_every_section_has_counts_licence_citation_and_the_command(tmp_path):
  docs = pathlib.Path(__file__).parents[3] / "docs" / "datasets.md"
  sections = dict(
      section.split("\n", 1) for section in docs.read_text().split("\n## ")
  )
  for name in datasets.names():
    text = sections[name]
    assert "Licence: " in text, name
    assert f"experiments.prepare --dataset={name}" in text, name
    if name in ("shapes", "folder"):
      continue
    assert "Cite:\n\n> " in text, name
    assert "DOWNLOADS/\n" in text or name == "camvid", name
    builder = datasets.builder(name, tmp_path)
    for config in [c.name for c in builder.BUILDER_CONFIGS] or [""]:
      made = datasets.builder(f"{name}/{config}".strip("/"), tmp_path)
      assert made.COUNTS, name
      for split, count in made.COUNTS.items():
        assert str(count) in text, (name, split)


@pytest.mark.parametrize(
    "name, message",
    [
        ("camvd", "there are ade20k, camvid, .*Did you mean 'camvid'"),
        ("nowhere.module.Class", "Cannot import.*nowhere"),
        ("segjax.data.datasets.camvid.Camvids", "Cannot import.*Camvids"),
        ("segjax.data.labels.LabelSet", "not the class of a TFDS builder"),
        ("cityscapes/corse", "no configuration 'corse'; it has fine, coarse"),
        ("camvid/x", "no configuration 'x'; it has none"),
    ],
)
def test_an_unknown_name_names_the_possible(tmp_path, name, message):
  with pytest.raises(ValueError, match=message):
    datasets.builder(name, tmp_path)


def test_an_option_that_is_none_of_the_builders_is_refused(tmp_path):
  with pytest.raises(ValueError, match="no option 'size'; it has none"):
    datasets.builder("camvid", tmp_path, size=3)


def test_a_dotted_name_is_your_own_builder(tmp_path, data_dir):
  name = "segjax.data.datasets.shapes.Shapes"
  assert len(data.open(name, "train", data_dir, **OPTIONS)) == 5
  assert len(datasets.labels(name, num_classes=4)) == 4


def test_a_plain_tfds_builder_will_do(tmp_path, monkeypatch):
  """Features image and label are enough: no ids, no stored sizes."""
  (tmp_path / "plain_camvid.py").write_text(PLAIN)
  monkeypatch.syspath_prepend(tmp_path)
  layouts.write_folder(tmp_path / "manual", layouts.camvid())
  name = "plain_camvid.PlainCamvid"
  datasets.prepare(name, tmp_path / "data", tmp_path / "manual")
  source = data.open(name, "train", tmp_path / "data")
  assert source.sizes == [(12, 16)] * 2
  assert source[1]["id"] == "1"
  np.testing.assert_array_equal(source[1]["label"], layouts.mask(0, 5, 10, 11))
  assert datasets.labels(name).names == ("a", "b")


PLAIN = """
import tensorflow_datasets as tfds
from segjax import data

class PlainCamvid(tfds.core.GeneratorBasedBuilder):
  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "none"
  LABELS = data.LabelSet(("a", "b"), ((0, 0, 0), (1, 1, 1)))

  def _info(self):
    image = tfds.features.Image(shape=(None, None, 3))
    label = tfds.features.Image(shape=(None, None, 1))
    features = tfds.features.FeaturesDict({"image": image, "label": label})
    return tfds.core.DatasetInfo(builder=self, features=features)

  def _split_generators(self, dl_manager):
    return {"train": self._generate_examples(dl_manager.manual_dir)}

  def _generate_examples(self, root):
    for image in sorted((root / "train").glob("*.png")):
      label = root / "trainannot" / image.name
      yield image.stem, {"image": image, "label": label}
"""


def test_opening_what_is_not_prepared_names_the_command(tmp_path):
  with pytest.raises(
      FileNotFoundError,
      match=re.escape(
          "run: python -m experiments.prepare --dataset=shapes "
          f"--data_dir={tmp_path} --option=num_classes=3 "
          "'--option=size=(32, 32)'"
      ),
  ):
    data.open("shapes", "train", tmp_path, num_classes=3, size=(32, 32))
  with pytest.raises(FileNotFoundError, match="--manual_dir=DIR"):
    data.open("camvid", "train", tmp_path)


def test_an_unknown_split_names_the_possible(data_dir):
  with pytest.raises(ValueError, match="'val'; it has train, validation, tes"):
    data.open("shapes", "val", data_dir, **OPTIONS)


@pytest.mark.parametrize(
    "split, rows",
    [
        ("train[1:3]", ["train_000001", "train_000002"]),
        ("train[80%:]+test[:1]", ["train_000004", "test_000000"]),
    ],
)
def test_parts_and_sums_of_splits(data_dir, split, rows):
  source = data.open("shapes", split, data_dir, **OPTIONS)
  assert [source[i]["id"] for i in range(len(source))] == rows
  assert source.sizes == [(32, 32)] * 2


def test_nothing_imports_tensorflow():
  code = (
      "import sys; from segjax import data; import tempfile; "
      "d = tempfile.mkdtemp(); "
      "data.datasets.prepare('shapes', d, train=2, size=32); "
      "s = data.open('shapes', 'train', d, train=2, size=32); s[0]; "
      "assert 'tensorflow' not in sys.modules"
  )
  subprocess.run([sys.executable, "-c", code], check=True)


def test_a_second_build_is_the_first_byte_for_byte(tmp_path, data_dir):
  datasets.prepare("shapes", tmp_path, **OPTIONS)
  first, second = (
      {p.relative_to(d): p.read_bytes() for p in d.rglob("*.array_record*")}
      for d in (data_dir, tmp_path)
  )
  assert first == second
  assert len(first) == 3


def test_prepared_is_left_alone(data_dir):
  def times():
    return {p: p.stat().st_mtime_ns for p in data_dir.rglob("*.array_record*")}

  before = times()
  datasets.prepare("shapes", data_dir, **OPTIONS)
  assert times() == before


def test_a_failure_keeps_what_else_is_there(tmp_path):
  datasets.prepare("shapes", tmp_path / "data", **OPTIONS)
  files = layouts.camvid()
  files["trainannot/a_2.png"] = layouts.png(layouts.mask(12))
  layouts.write_folder(tmp_path / "manual", files)
  with pytest.raises(ValueError, match=r"a_2.png has label 12; .*0\.\.11"):
    datasets.prepare("camvid", tmp_path / "data", tmp_path / "manual")
  assert [p.name for p in (tmp_path / "data").iterdir()] == ["shapes"]


def test_the_folder_of_downloads_is_asked_for(tmp_path):
  with pytest.raises(ValueError, match=r"manual_dir.*docs/datasets.md#camvid"):
    datasets.prepare("camvid", tmp_path)
  with pytest.raises(NotADirectoryError, match=r"no folder .*nowhere"):
    datasets.prepare("camvid", tmp_path, tmp_path / "nowhere")
  with pytest.raises(FileNotFoundError, match="is empty"):
    datasets.prepare("camvid", tmp_path / "data", tmp_path)


@pytest.mark.parametrize("fault", ("cut", "checksum", "gif"))
def test_a_png_that_is_not_intact_is_named(tmp_path, fault):
  files = layouts.camvid()
  content = bytearray(files["val/b_1.png"])
  if fault == "cut":
    content = content[:-30]
  elif fault == "checksum":
    content[content.index(b"IDAT") + 8] ^= 1
  else:
    content = b"GIF89a" + content[6:]
  files["val/b_1.png"] = bytes(content)
  layouts.write_folder(tmp_path / "manual", files)
  with pytest.raises(ValueError, match=r"val/b_1.png is not an intact PNG or"):
    datasets.prepare("camvid", tmp_path / "data", tmp_path / "manual")
  assert not (tmp_path / "data").exists()


def test_the_orientation_tag_of_a_photograph_is_ignored(tmp_path):
  """A mask does not turn with it, so neither does the image."""
  image = Image.new("RGB", (16, 12), (10, 20, 30))
  exif = Image.Exif()
  exif[0x0112] = 6  # Orientation: a quarter turn.
  path = tmp_path / "turned.jpg"
  image.save(path, exif=exif)
  top = "VOCdevkit/VOC2012"
  files = layouts.voc()
  files[f"{top}/JPEGImages/2007_000001.jpg"] = path.read_bytes()
  layouts.write_folder(tmp_path / "manual", files)
  datasets.prepare("voc2012", tmp_path / "data", tmp_path / "manual")
  example = data.open("voc2012", "train", tmp_path / "data")[0]
  assert example["image"].shape == (12, 16, 3)
  assert abs(example["image"][0, 0].astype(int) - (10, 20, 30)).max() < 4
