"""Image files of every kind, and the pictures made of predictions."""

import functools
import io
import os
import zlib

import hypothesis
from hypothesis import strategies as st
import numpy as np
from PIL import Image
import pytest

from experiments import images
from segjax import data
from tests.data.datasets import rot

LABELS = data.LabelSet(("road", "sky"), ((128, 64, 128), (70, 130, 180)))


def save(path, array, **options):
  Image.fromarray(array).save(path, **options)
  return path


def test_an_exif_tag_turns_the_image(tmp_path):
  exif = Image.Exif()
  exif[0x0112] = 6  # Turn by 90 degrees to the right to see it upright.
  pixels = np.zeros((20, 30, 3), np.uint8)
  pixels[:, :15] = 255
  path = save(tmp_path / "turned.png", pixels, exif=exif)
  image = images.read(path)
  assert image.shape == (30, 20, 3)
  assert image[:15].min() == 255
  assert image[15:].max() == 0


def test_grey_sixteen_bit_palette_alpha_and_cmyk_become_rgb(tmp_path):
  ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
  deep = ramp.astype(np.uint16) * 257
  grey = images.read(save(tmp_path / "grey.png", ramp))
  sixteen = images.read(save(tmp_path / "sixteen.png", deep))
  np.testing.assert_array_equal(grey, np.stack([ramp] * 3, -1))
  np.testing.assert_array_equal(sixteen, grey)
  for mode in ("P", "LA", "RGBA", "CMYK", "1"):
    suffix = "tif" if mode == "CMYK" else "png"
    path = tmp_path / f"{mode}.{suffix}"
    Image.fromarray(ramp).convert("RGB").convert(mode).save(path)
    assert images.read(path).shape == (16, 16, 3)


def test_an_animation_gives_its_first_frame(tmp_path):
  frames = [Image.new("RGB", (8, 8), c) for c in ("white", "black")]
  path = tmp_path / "moving.gif"
  frames[0].save(path, save_all=True, append_images=frames[1:])
  assert images.read(path).min() > 250


def test_an_animated_png_gives_its_first_frame(tmp_path):
  frames = [Image.new("RGB", (8, 8), c) for c in ("white", "black")]
  path = tmp_path / "moving.png"
  frames[0].save(path, save_all=True, append_images=frames[1:])
  assert images.read(path).min() == 255


def test_cmyk_photographs_have_their_colours(tmp_path):
  path = tmp_path / "print.jpg"
  Image.new("RGB", (16, 12), (200, 80, 9)).convert("CMYK").save(path)
  assert np.abs(images.read(path) - np.float32((200, 80, 9))).max() < 5


def test_palettes_with_transparent_entries_show_the_colour_beneath(tmp_path):
  picture = Image.new("P", (4, 4), 1)
  picture.putpalette([9, 9, 9, 30, 60, 90])
  path = tmp_path / "palette.png"
  picture.save(path, transparency=b"\x00\x80")
  np.testing.assert_array_equal(
      images.read(path), np.full((4, 4, 3), (30, 60, 90))
  )


def test_pixels_of_floating_point_are_refused(tmp_path):
  path = save(tmp_path / "depth.tif", np.ones((4, 4), np.float32))
  with pytest.raises(ValueError, match=r"depth.tif .*floating point"):
    images.read(path)


def test_a_program_is_no_image(tmp_path, monkeypatch):
  """Pillow would start Ghostscript for it."""
  from PIL import EpsImagePlugin

  monkeypatch.setattr(EpsImagePlugin, "Ghostscript", pytest.fail)
  path = tmp_path / "page.png"
  Image.new("RGB", (8, 8)).save(path, "EPS")
  with pytest.raises(ValueError, match=r"page.png cannot be read as an image"):
    images.read(path)


def pictures():
  """Small files of every kind that is read."""
  rng = np.random.default_rng(0)
  picture = Image.fromarray(rng.integers(0, 255, (9, 7, 3), np.uint8))
  exif = Image.Exif()
  exif[0x0112] = 6
  made = {}
  for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"):
    buffer = io.BytesIO()
    options = {} if kind in ("BMP", "GIF") else {"exif": exif}
    picture.save(buffer, kind, **options)
    made[kind] = buffer.getvalue()
  return made


@pytest.mark.parametrize("kind", pictures())
def test_rotten_images_are_read_or_refused(tmp_path, kind):
  content, path = pictures()[kind], tmp_path / "rotten.png"

  @rot.SETTINGS
  @hypothesis.given(st.data())
  def check(draws):
    path.write_bytes(rot.rot(draws, content))
    rot.read_or_refused(functools.partial(images.read, path), path.name)

  check()


@pytest.mark.parametrize("content", (b"", b"GIF89a", b"no image at all"))
def test_a_damaged_file_is_named(tmp_path, content):
  path = tmp_path / "broken.png"
  path.write_bytes(content)
  with pytest.raises(ValueError, match=r"broken.png cannot be read"):
    images.read(path)


def test_a_truncated_photograph_is_named(tmp_path):
  rng = np.random.default_rng(0)
  path = save(tmp_path / "cut.jpg", rng.integers(0, 255, (64, 64, 3), np.uint8))
  path.write_bytes(path.read_bytes()[:900])
  with pytest.raises(ValueError, match=r"cut.jpg cannot be read"):
    images.read(path)


def test_a_bomb_is_refused(tmp_path):
  """A PNG of a few bytes that declares 50000 x 50000 pixels."""
  path = save(tmp_path / "bomb.png", np.zeros((1, 1), np.uint8))
  content = bytearray(path.read_bytes())
  content[16:24] = (50_000).to_bytes(4, "big") * 2
  content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
  path.write_bytes(bytes(content))
  with pytest.raises(ValueError, match=r"bomb.png cannot be read as an image"):
    images.read(path)


def test_folders_are_searched_and_misses_named(tmp_path):
  save(tmp_path / "b.png", np.zeros((4, 4), np.uint8))
  (tmp_path / "in").mkdir()
  save(tmp_path / "in" / "a.jpg", np.zeros((4, 4), np.uint8))
  (tmp_path / "notes.txt").write_text("no image")
  found = images.find([tmp_path])
  assert [p.name for p in found] == ["b.png", "a.jpg"]
  (tmp_path / "empty").mkdir()
  with pytest.raises(FileNotFoundError, match=r"folder .*empty has no image"):
    images.find([tmp_path / "empty"])
  with pytest.raises(FileNotFoundError, match=r"no image file or folder .*x"):
    images.find([tmp_path / "x.png"])


def test_names_differ_where_files_agree(tmp_path):
  paths = [tmp_path / "a" / "1.png", tmp_path / "b" / "1.png"]
  assert images.names(paths) == ["a_1", "b_1"]
  assert images.names(paths[:1]) == ["1"]
  assert len(set(images.names([paths[0], paths[0]]))) == 2


def test_names_are_fit_to_be_written_whatever_the_files_are_called(tmp_path):
  odd = [
      "a\nb\x1b",
      "窓" * 80,
      "x" * 250,
      "x" * 249 + "y",
      os.fsdecode(b"\xff"),
  ]
  names = images.names([tmp_path / f"{name}.png" for name in odd])
  assert names[0] == "a_b_"
  assert names[1] == "窓" * 80
  assert names[4] == "?"
  assert len(set(names)) == 5
  for name in names:
    path = tmp_path / f"{name}_overlay.png"
    images.save(Image.new("RGB", (1, 1)), path)
    assert images.find([path]) == [path]


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path):
  class Unfinished(Image.Image):

    def save(self, file, format):
      file.write(b"half")
      raise OSError("no space left")

  with pytest.raises(OSError, match="no space"):
    images.save(Unfinished(), tmp_path / "a.png")
  assert not list(tmp_path.iterdir())


def test_an_overlay_colours_classes_and_leaves_void(tmp_path):
  image = np.full((2, 3, 3), 100, np.uint8)
  label = np.array([[0, 1, 255], [0, 1, 255]], np.uint8)
  over = images.overlay(image, label, LABELS, opacity=1.0)
  np.testing.assert_array_equal(over[0], [*LABELS.palette, (100, 100, 100)])
  mask = images.mask(label, LABELS)
  mask.save(tmp_path / "mask.png")
  with Image.open(tmp_path / "mask.png") as again:
    np.testing.assert_array_equal(np.asarray(again), label)
    colours = np.asarray(again.convert("RGB"))[0, :2]
    np.testing.assert_array_equal(colours, LABELS.palette)


def test_the_legend_has_room_for_every_class():
  label = np.zeros((10, 10), np.uint8)
  label[0] = 1
  sheet = images.with_legend([np.zeros((10, 10, 3), np.uint8)], label, LABELS)
  pixels = np.asarray(sheet)[:, 10:].reshape(-1, 3).tolist()
  for colour in LABELS.palette:
    assert list(colour) in pixels
