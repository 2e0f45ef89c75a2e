"""Image files of every kind, and the pictures made of predictions."""

import zlib

import numpy as np
from PIL import Image
import pytest

from experiments import images
from segjax import data

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
