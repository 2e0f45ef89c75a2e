"""Checkpoint files that somebody made to do harm, or that bits have rotted in.

What comes out is arrays or a ValueError that names the file, soon, and without
memory that the file's size does not explain.
"""

import io
import json
import pickle
import struct
import zipfile

import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

from segjax import convert
from segjax.convert import torchfile
from tests.convert import caffemodel_test, read_test
from tests.convert.hostile import refused, tensor, zipped
from tests.data.datasets import rot


def npy(array):
  buffer = io.BytesIO()
  np.lib.format.write_array(buffer, array)
  return buffer.getvalue()


def declaring(content, size, now):
  """A zip archive whose members of `now` bytes claim to have another size."""
  return content.replace(struct.pack("<I", size), struct.pack("<I", now))


def bomb(name):
  """Two members that declare 2 GiB each, in a file of a few kilobytes."""
  buffer = io.BytesIO()
  size = 1_234_567
  with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
    file.writestr(name, bytes(size))
  return declaring(buffer.getvalue(), size, (1 << 31) - 1)


def test_a_bomb_in_an_npz_file_is_refused_by_what_it_declares(
    tmp_path, little_memory
):
  refused(tmp_path / "w.npz", bomb("a.npy"), "refused.*more than 1024 MiB")


def test_a_bomb_in_a_torch_file_is_refused_by_what_it_declares(
    tmp_path, little_memory
):
  path = tmp_path / "w.pth"
  refused(path, bomb("w/data.pkl"), "refused.*more than 1024 MiB")
  data = b"\x80\x02}" + read_test.pickled("a") + tensor(0, (6,), (1,)) + b"s."
  content = io.BytesIO(bomb("w/data/0"))
  with zipfile.ZipFile(content, "a") as file:
    file.writestr("w/data.pkl", data)
  refused(path, content.getvalue(), "refused.*more than 1024 MiB")


def test_views_of_one_number_do_not_fill_the_memory(tmp_path, little_memory):
  """A stride of 0 repeats; so does a thousand names for one storage."""
  path = tmp_path / "w.pth"
  read_test.tensor_file(path, 0, (1 << 20, 1 << 20), (0, 0))
  refused(path, path.read_bytes(), "refused.*more than 1024 MiB")


def test_many_names_for_one_storage_do_not_fill_the_memory(
    tmp_path, monkeypatch
):
  monkeypatch.setattr(torchfile, "_FLOOR", 1 << 20)
  data, numbers = b"\x80\x02}", np.ones(6, "<f4").tobytes()
  for i in range(60):
    data += read_test.pickled(f"{i}") + tensor(0, (6, 1000), (1, 0)) + b"s"
  path = tmp_path / "w.pth"
  read_test.archive(path, data + b".", **{"0": numbers})
  refused(path, path.read_bytes(), "refused.*more than 1 MiB")
  monkeypatch.setattr(torchfile, "_FLOOR", 1 << 22)
  assert len(convert.read(path)) == 60


def lying(header, data=bytes(16)):
  text = header if isinstance(header, bytes) else json.dumps(header).encode()
  return len(text).to_bytes(8, "little") + text + data


def entry(first=0, last=16, shape=(4,), dtype="F32"):
  return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


HEADERS = {
    "a length of 2**63": ((1 << 63).to_bytes(8, "little") + b"{}", "cut off"),
    "no JSON": (lying(b"{'a': 1}"), "not a complete"),
    "JSON without an end of depth": (lying(b"[" * 100_000), "not a complete"),
    "a list": (lying([1]), "not a complete"),
    "a number": (lying({"a": 3}), "not a complete"),
    "a negative shape": (
        lying({"a": entry(shape=(-1,))}), r"a has the impossible shape \[-1\]"),
    "negative shapes of a positive product": (
        lying({"a": entry(shape=(-2, -2))}), "impossible shape"),
    "a shape of fractions": (lying({"a": entry(shape=(4.0,))}), "impossible"),
    "a shape without end": (lying({"a": entry(shape=(1,) * 99)}), "impossible"),
    "a larger shape": (lying({"a": entry(shape=(1 << 40,))}), "has 16 bytes"),
    "an unknown type": (lying({"a": entry(dtype="F4")}), "a has the type F4"),
    "offsets that overlap": (
        lying({"a": entry(0, 16), "b": entry(8, 16, (2,))}), "b begins at byte 8"),
    "one run of bytes twice": (
        lying({"a": entry(), "b": entry()}), "b begins at byte 0, where"),
    "a hole": (
        lying({"a": entry(0, 4, (1,)), "b": entry(8, 16, (2,))}), "b begins at"),
    "offsets in the wrong order": (lying({"a": entry(16, 0)}), "not in the file"),
    "offsets before the start": (lying({"a": entry(-16, 0)}), "a begins at"),
    "offsets behind the end": (lying({"a": entry(0, 32)}), "not in the file"),
    "bytes behind the last": (lying({"a": entry()}, bytes(20)), "4 bytes behind"),
}  # fmt: skip


@pytest.mark.parametrize("what", HEADERS)
def test_a_safetensors_header_that_lies_is_refused(
    tmp_path, little_memory, what
):
  content, match = HEADERS[what]
  refused(tmp_path / "w.safetensors", content, match)


def header(shape, kind="<f4", version=b"\x01\x00"):
  text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}\n"
  text = text.encode()
  return (
      b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + bytes(16)
  )


ARRAYS = {
    "objects": (npy(np.zeros(1)).replace(b"<f8", b"|O8"), "holds object"),
    "a void type": (header((16,), "|V1"), "not numbers"),
    "a terabyte": (header((1 << 38,)), "has 16 bytes"),
    "a negative shape": (header((-2, -2)), "impossible shape"),
    "a type of no size": (header((1 << 50,), "|V0"), "not numbers"),
    "a newer version": (header((4,), version=b"\x09\x00"), "unknown version"),
    "a header that is none": (header((4,)).replace(b"{", b"("), "w.npz"),
    "a header without end": (
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "w.npz"),
    "no header": (b"\x93NUM", "w.npz"),
    "nothing": (b"", "w.npz"),
}  # fmt: skip


@pytest.mark.parametrize("what", ARRAYS)
def test_an_array_that_lies_is_refused(tmp_path, little_memory, what):
  content, match = ARRAYS[what]
  refused(tmp_path / "w.npz", zipped({"a.npy": content}), match)


def test_strings_in_an_npz_file_are_left_out(tmp_path):
  np.savez(tmp_path / "w.npz", a=np.ones((2, 3), order="F"), note=np.array("x"))
  got = convert.read(tmp_path / "w.npz")
  assert list(got) == ["a"]
  assert got["a"].flags.writeable


def test_a_blob_of_too_many_axes_is_refused(tmp_path):
  blob = caffemodel_test.field(7, caffemodel_test.field(1, b"\x01" * 99))
  blob += caffemodel_test.field(5, bytes(4))
  layer = caffemodel_test.field(1, b"a") + caffemodel_test.field(7, blob)
  content = caffemodel_test.field(100, layer)
  refused(tmp_path / "w.caffemodel", content, "too many axes")


def test_a_caffe_number_at_a_time_is_a_blob_too(tmp_path):
  """As a writer that does not pack repeated fields has it."""
  one = b"".join(
      caffemodel_test.varint(5 << 3 | 5) + struct.pack("<f", i)
      for i in range(6)
  )
  shape = caffemodel_test.field(7, caffemodel_test.field(1, b"\x06"))
  layer = caffemodel_test.field(1, b"a") + caffemodel_test.field(7, one + shape)
  path = tmp_path / "w.caffemodel"
  path.write_bytes(caffemodel_test.field(100, layer))
  np.testing.assert_array_equal(convert.read(path)["a.weight"], np.arange(6))


@pytest.mark.parametrize("name", (".tflite", ".index", ".data-00000-of-00001"))
def test_files_of_tensorflow_are_refused_by_name(tmp_path, name):
  refused(tmp_path / f"model{name}", b"TFL3", "checkpoints are read from")


def test_what_is_no_file_is_an_error_of_its_name(tmp_path):
  (tmp_path / "folder.pth").mkdir()
  with pytest.raises(OSError, match=r"folder.pth is no file"):
    convert.read(tmp_path / "folder.pth")
  with pytest.raises(OSError, match="too long"):
    convert.read(tmp_path / ("x" * 300 + ".pth"))
  path = tmp_path / "a\nb 窓.npz"
  np.savez(path, a=np.ones(3))
  np.testing.assert_array_equal(convert.read(path)["a"], 1)


@pytest.mark.parametrize("change", ((0, 4, 3, 3), (4, 0, 3, 3), (4,), ()))
def test_a_kernel_of_no_size_is_an_error(change):
  """It would have no initialiser to compare with."""
  name = "features.0.0.weight"
  with pytest.raises(ValueError, match=name):
    convert.load("torchvision/mobilenet_v2", {name: np.zeros(change)})


def torch_file(legacy):
  """Written without PyTorch: two tensors in either format."""
  data = b"\x80\x02}(" + read_test.pickled("a") + tensor(0, (2, 3), (3, 1))
  data += read_test.pickled("b") + tensor(1, (4,), (1,)) + b"u."
  numbers = np.arange(6, dtype="<f4").tobytes()
  if not legacy:
    return zipped({"w/data.pkl": data, "w/version": b"3", "w/data/0": numbers})
  head = (torchfile._MAGIC, 1001, {"little_endian": True})
  content = b"".join(pickle.dumps(x, 2) for x in head) + data
  return content + pickle.dumps(["0"], 2) + (6).to_bytes(8, "little") + numbers


def npz_file():
  buffer = io.BytesIO()
  np.savez_compressed(buffer, **read_test.TENSORS)
  return buffer.getvalue()


FILES = {
    "zip.pth": torch_file(False),
    "legacy.pth": torch_file(True),
    "w.npz": npz_file(),
    "w.safetensors": read_test.safetensors(read_test.TENSORS),
    "w.caffemodel": caffemodel_test.net(caffemodel_test.layers()),
}


@pytest.mark.parametrize("name", FILES)
def test_the_files_that_will_rot_are_read(tmp_path, name):
  (tmp_path / name).write_bytes(FILES[name])
  assert len(convert.read(tmp_path / name)) >= 2


@pytest.mark.parametrize("name", FILES)
def test_rotten_files_are_read_or_refused(tmp_path, little_memory, name):
  path = tmp_path / name

  @rot.SETTINGS
  @hypothesis.given(st.data())
  def check(draws):
    path.write_bytes(rot.rot(draws, FILES[name]))
    got = rot.read_or_refused(lambda: convert.read(path), name)
    assert got is None or all(isinstance(v, np.ndarray) for v in got.values())

  check()


@pytest.mark.parametrize("name", FILES)
def test_random_bytes_are_refused(tmp_path, little_memory, name):
  """With the marks of the formats in front of them, or nothing."""
  path = tmp_path / name
  heads = (
      b"",
      b"PK\x03\x04",
      b"\x80\x02",
      b"\x93NUMPY\x01\x00",
      FILES[name][:60],
  )

  @rot.SETTINGS
  @hypothesis.given(st.sampled_from(heads), st.binary(max_size=200))
  def check(head, content):
    path.write_bytes(head + content)
    rot.read_or_refused(lambda: convert.read(path), name)

  check()
