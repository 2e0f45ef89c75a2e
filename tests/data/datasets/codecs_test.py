"""Pictures and label files of every kind, whole, odd, rotten or harmful."""

import functools
import io
import zlib

import hypothesis
from hypothesis import strategies as st
import numpy as np
from PIL import Image
import pytest

from segjax import data
from segjax.data.datasets import archive, base
from tests.data.datasets import layouts, rot


class One(archive.Archive):
  """An archive of one file in memory."""

  def __init__(self, content):
    super().__init__("memory")
    self._content = content

  def names(self):
    return ["file"]

  def _size(self, name):
    return len(self._content)

  def _read(self, name):
    return self._content


def read(image, label=None, name="camvid"):
  """What a builder makes of an image and a label file."""
  builder = data.datasets.builder(name, "/dev/null")
  label = One(label).file("file") if label is not None else None
  return builder.read(base.Pair("i", One(image).file("file"), label))


PICTURES = {
    "png": layouts.png(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)),
    "jpg": layouts.jpg(),
    "palette": layouts.palette_png(layouts.mask(0, 1)),
    "tiff": layouts.tiff([layouts.mask(3)]),
    "gif": layouts.pil_bytes(Image.fromarray(layouts.mask(3)), "GIF"),
    "webp": layouts.pil_bytes(Image.fromarray(layouts.mask(3)), "WEBP"),
    "bmp": layouts.pil_bytes(Image.fromarray(layouts.mask(3)), "BMP"),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_rotten_pictures_are_read_or_refused(kind):
  @rot.SETTINGS
  @hypothesis.given(st.data())
  def check(draws):
    content = rot.rot(draws, PICTURES[kind])
    for pair in ((content,), (layouts.jpg(), content)):
      call = functools.partial(read, *pair, name="folder")
      rot.read_or_refused(call, "memory/file")

  check()


def test_a_rotten_mat_file_is_read_or_refused():
  @rot.SETTINGS
  @hypothesis.given(st.data())
  def check(draws):
    label = layouts.matrix("LabelMap", layouts.mask(1, 2).astype(np.uint16))
    builder = data.datasets.builder("pascal_context", "/dev/null")
    file = One(rot.rot(draws, label)).file("file")
    rot.read_or_refused(lambda: builder.decode_label(file), "memory/file")

  check()


def bomb(side=50_000) -> bytes:
  """A PNG of a few bytes that declares 50000 x 50000 pixels."""
  content = bytearray(layouts.png(np.zeros((1, 1), np.uint8)))
  content[16:24] = side.to_bytes(4, "big") * 2
  content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
  return bytes(content)


def test_a_decompression_bomb_is_refused():
  for image, label in ((bomb(), None), (layouts.jpg(), bomb())):
    with pytest.raises(ValueError, match=r"memory/file .*decompression bomb"):
      read(image, label)


@pytest.mark.parametrize(
    "content", (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
)
def test_empty_and_truncated_files_are_refused(content):
  for image, label in ((content, None), (layouts.jpg(), content)):
    with pytest.raises(ValueError, match="memory/file is not an intact PNG or"):
      read(image, label)


def decoded(tmp_path, image):
  """The image as training will see it."""
  files = {"images/a.png": image, "masks/a.png": layouts.png(layouts.mask(0))}
  layouts.write_folder(tmp_path / "mine", files)
  data.datasets.prepare("folder", tmp_path / "data", tmp_path / "mine")
  return data.open("folder", "train", tmp_path / "data")[0]["image"]


def test_sixteen_bits_and_cmyk_become_eight_and_rgb(tmp_path):
  grey = layouts.mask(10, 100, 200)
  sixteen = Image.fromarray(grey.astype(np.uint16) * 257)
  image = decoded(tmp_path / "1", layouts.pil_bytes(sixteen, "PNG"))
  np.testing.assert_array_equal(image, np.stack([grey] * 3, -1))
  cmyk = Image.new("RGB", (16, 12), (200, 80, 9)).convert("CMYK")
  image = decoded(tmp_path / "2", layouts.pil_bytes(cmyk, "JPEG"))
  assert image.shape == (12, 16, 3)
  assert np.abs(image.astype(int) - (200, 80, 9)).max() < 5


def test_an_animation_is_its_first_frame_and_no_mask(tmp_path):
  frames = [Image.new("L", (16, 12), grey) for grey in (0, 1)]
  buffer = io.BytesIO()
  frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
  assert decoded(tmp_path, buffer.getvalue()).max() == 0
  for name in ("camvid", "folder"):
    with pytest.raises(ValueError, match=r"2 frame\(s\)"):
      read(layouts.jpg(), buffer.getvalue(), name)


def test_a_sixteen_bit_mask_is_refused_where_the_data_set_has_none():
  mask = Image.fromarray(layouts.mask(3).astype(np.uint16))
  with pytest.raises(ValueError, match=r"8-bit class number.*mode is I;16"):
    read(layouts.jpg(), layouts.pil_bytes(mask, "PNG"))


@pytest.mark.parametrize("content", (b"", b"rotten", bomb()))
def test_a_prepared_record_that_has_rotted_names_the_example(tmp_path, content):
  options = dict(size=32, train=3, validation=1, test=1)
  data.datasets.prepare("shapes", tmp_path, **options)
  source = data.open("shapes", "train", tmp_path, **options)
  records = [source._records[i] for i in range(3)]
  records[1] = records[1] | {"image": content}
  source._records = records
  assert source[0]["image"].shape == (32, 32, 3)
  with pytest.raises(
      ValueError, match=r"shapes.*train: OpenCV cannot .*mple 1"
  ):
    source[1]
