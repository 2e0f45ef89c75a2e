"""Caffe's files, written here by the format's description."""

import hypothesis
from hypothesis import strategies
import numpy as np
import pytest

from segjax import convert
from tests.convert import golden
from tests.data.datasets import rot


def varint(number):
  out = b""
  while True:
    number, low = number >> 7, number & 127
    out += bytes([low | (128 if number else 0)])
    if not number:
      return out


def field(number, value):
  """A field of bytes, or of an integer."""
  if isinstance(value, int):
    return varint(number << 3) + varint(value)
  return varint(number << 3 | 2) + varint(len(value)) + value


def blob(array, old=False):
  data = field(5, np.asarray(array, "<f4").tobytes())
  if not old:
    return field(7, field(1, b"".join(map(varint, array.shape)))) + data
  shape = (1,) * (4 - array.ndim) + array.shape
  return b"".join(field(i, n) for i, n in enumerate(shape, 1)) + data


def net(layers, old=False):
  """NetParameter of {layer: its blobs}."""
  numbers = (2, 4, 6) if old else (100, 1, 7)
  out = field(1, b"a net")
  for name, blobs in layers.items():
    layer = field(numbers[1], name.encode()) + field(3, b"top")
    layer += b"".join(field(numbers[2], blob(b, old)) for b in blobs)
    out += field(numbers[0], layer + varint(8 << 3 | 5) + bytes(4))
  return out


def layers(seed=0):
  draw = np.random.default_rng(seed).standard_normal
  return {
      "conv": [draw((4, 3, 2, 2)), draw(4)],
      "conv_bn": [draw(4), draw(4)],
      "relu": [],
      "upscore": [draw((2, 2, 4, 4))],
      "score": [draw((2, 4, 1, 1)), draw(2)],
      "norm": [draw(4), draw(4), draw(1)],
  }


@pytest.mark.parametrize("old", (False, True), ids=("Layer", "V1Layer"))
def test_blobs_have_their_layer_s_name_and_shape(tmp_path, old):
  """Those of old files, which have four axes, too."""
  path = tmp_path / "w.caffemodel"
  path.write_bytes(net(layers(), old))
  tensors = convert.read(path)
  want = {
      f"{name}.{('weight', 'bias', '2')[i]}": value.astype(np.float32)
      for name, blobs in layers().items()
      for i, value in enumerate(blobs)
  }
  assert set(tensors) == set(want)
  for name, value in want.items():
    assert tensors[name].dtype == np.float32
    np.testing.assert_array_equal(tensors[name], value, err_msg=name)


def test_old_scales_have_their_channels_second(tmp_path):
  """(1, c, 1, 1), as SegNet's fork of Caffe keeps them."""
  scale = np.arange(1.0, 6.0).reshape(1, 5, 1, 1)
  path = tmp_path / "w.caffemodel"
  path.write_bytes(net({"bn": [scale, 2 * scale]}))
  tensors = convert.read(path)
  np.testing.assert_array_equal(tensors["bn.weight"], np.arange(1, 6))
  np.testing.assert_array_equal(tensors["bn.bias"], 2 * np.arange(1, 6))


def test_a_network_of_the_file_is_that_of_its_tensors(tmp_path):
  source = "caffe/segnet_basic_camvid"
  tensors = golden.load(
      golden.FOLDER / f"{source.replace('/', '__')}.npz"
  ).tensors()
  blobs = {}
  for name, value in tensors.items():
    blobs.setdefault(name.rpartition(".")[0], []).append(value)
  path = tmp_path / "w.caffemodel"
  path.write_bytes(net(blobs))
  _, want = convert.load(source, tensors)
  _, got = convert.load(source, path)
  for a, b in zip(*map(_leaves, (got, want))):
    np.testing.assert_array_equal(a, b)


def _leaves(variables):
  return [
      leaf
      for collection in variables.values()
      for module in collection.values()
      for part in module.values()
      for leaf in (part.values() if isinstance(part, dict) else [part])
  ]


@hypothesis.given(strategies.data())
@rot.SETTINGS
def test_damage_is_an_error_that_names_the_file(tmp_path, data):
  """Cut anywhere or with a byte changed: an error or tensors, nothing else."""
  whole = net(layers())
  at = data.draw(strategies.integers(0, len(whole) - 1))
  path = tmp_path / "w.caffemodel"
  if data.draw(strategies.booleans()):
    damaged = whole[:at]
  else:
    byte = data.draw(strategies.integers(0, 255))
    damaged = whole[:at] + bytes([byte]) + whole[at + 1 :]
  path.write_bytes(damaged)
  message = None
  try:
    tensors = convert.read(path)
  except ValueError as error:
    tensors, message = {}, str(error)
  assert all(isinstance(v, np.ndarray) for v in tensors.values())
  assert message is None or "w.caffemodel: not a complete" in message


@pytest.mark.parametrize(
    "content", (b"", b"\x00" * 9, b"PK\x03\x04" * 8, b"\xff" * 99)
)
def test_other_files_are_refused(tmp_path, content):
  path = tmp_path / "w.caffemodel"
  path.write_bytes(content)
  with pytest.raises(ValueError, match=r"w\.caffemodel: not a complete"):
    convert.read(path)
