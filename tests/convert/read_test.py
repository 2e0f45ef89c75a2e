"""Checkpoint files are read whole, or refused with their name."""

import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from segjax import convert

TENSORS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "conv.bias": np.array([1.5, -2.0], np.float16),
    "steps": np.array(3, np.int64),
}


def check(got):
  assert set(got) == set(TENSORS)
  for name, want in TENSORS.items():
    assert got[name].dtype == want.dtype
    np.testing.assert_array_equal(got[name], want)


def safetensors(tensors):
  """The bytes of a file, by the format's description."""
  header, data = {"__metadata__": {"format": "pt"}}, b""
  kinds = {"float32": "F32", "float16": "F16", "int64": "I64"}
  for name, value in tensors.items():
    header[name] = {
        "dtype": kinds[value.dtype.name],
        "shape": value.shape,
        "data_offsets": [len(data), len(data) + value.nbytes],
    }
    data += value.tobytes()
  text = json.dumps(header).encode()
  return len(text).to_bytes(8, "little") + text + data


def test_npz(tmp_path):
  np.savez(tmp_path / "w.npz", **TENSORS)
  check(convert.read(tmp_path / "w.npz"))


def test_npz_with_objects_is_refused(tmp_path):
  """An object array is a pickle in disguise."""
  np.savez(tmp_path / "w.npz", a=np.array([{}], dtype=object))
  with pytest.raises(ValueError, match=r"w\.npz"):
    convert.read(tmp_path / "w.npz")


@pytest.mark.parametrize("size", (0, 30, -30))
def test_a_cut_npz_file_is_an_error(tmp_path, size):
  np.savez(tmp_path / "w.npz", **TENSORS)
  whole = (tmp_path / "w.npz").read_bytes()
  (tmp_path / "w.npz").write_bytes(whole[:size])
  with pytest.raises(ValueError, match=r"w\.npz"):
    convert.read(tmp_path / "w.npz")


def test_safetensors(tmp_path):
  (tmp_path / "w.safetensors").write_bytes(safetensors(TENSORS))
  check(convert.read(tmp_path / "w.safetensors"))


def test_safetensors_as_their_library_writes_them(tmp_path):
  library = pytest.importorskip("safetensors.numpy", reason="no safetensors")
  library.save_file(TENSORS, tmp_path / "w.safetensors")
  check(convert.read(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("size", (0, 5, 60, -1))
def test_a_cut_safetensors_file_is_an_error(tmp_path, size):
  whole = safetensors(TENSORS)
  (tmp_path / "w.safetensors").write_bytes(whole[:size])
  with pytest.raises(ValueError, match=r"w\.safetensors: not a complete"):
    convert.read(tmp_path / "w.safetensors")


@pytest.mark.parametrize("new_format", (True, False))
def test_torch_files_in_both_formats(tmp_path, new_format):
  """Before 1.6 and since; views, half precision, wrappers, parameters."""
  torch = pytest.importorskip("torch", reason="writes the files")
  base = torch.arange(24, dtype=torch.float32).reshape(3, 2, 2, 2)
  state = {
      "module.conv.weight": torch.nn.Parameter(base.transpose(0, 1)),
      "module.conv.bias": torch.tensor([1.5, -2.0], dtype=torch.float16),
      "module.part": base[1, :, 0],
      "module.brain": torch.tensor([1.0, 3.140625], dtype=torch.bfloat16),
      "module.steps": torch.tensor(3),
      "module.none": torch.zeros(0, 4),
  }
  tree = {"epoch": 1, "state_dict": state, "arg": ["x", 0.1, None, True]}
  path = tmp_path / "w.pth"
  torch.save(tree, path, _use_new_zipfile_serialization=new_format)
  got = convert.read(path)
  want = {k.removeprefix("module."): v.detach() for k, v in state.items()}
  assert set(got) == set(want)
  for name, tensor in want.items():
    assert got[name].shape == tuple(tensor.shape)
    np.testing.assert_array_equal(
        got[name].astype(np.float64), tensor.double().numpy()
    )
  assert got["conv.bias"].dtype == np.float16
  assert got["steps"].dtype == np.int64


def test_a_module_s_state_dict_is_read(tmp_path):
  """OrderedDict with its metadata, shared storages, a torch.Size."""
  torch = pytest.importorskip("torch", reason="writes the files")
  net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
  net.append(net[0])
  size = {"size": net[0].weight.shape}
  torch.save({"model": net.state_dict(), **size}, tmp_path / "w.pt")
  got = convert.read(tmp_path / "w.pt")
  assert set(got) == set(net.state_dict())
  np.testing.assert_array_equal(got["2.weight"], net[0].weight.detach())


def archive(path, data, **storages):
  with zipfile.ZipFile(path, "w") as file:
    file.writestr("w/data.pkl", data)
    for key, value in storages.items():
      file.writestr(f"w/data/{key}", value)


class Evil:
  """Unpickled naively, this would leave a file behind."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("wrap", (archive, lambda path, d: path.write_bytes(d)))
def test_a_pickle_that_does_more_than_tensors_is_refused(tmp_path, wrap):
  """The error names what was asked for, and nothing has run."""
  trace = tmp_path / "trace"
  wrap(tmp_path / "w.pth", pickle.dumps({"a": Evil(trace)}))
  with pytest.raises(ValueError, match=r"w\.pth: refused.*(posix|nt)\.mkdir"):
    convert.read(tmp_path / "w.pth")
  assert not trace.exists()


@pytest.mark.parametrize(
    "module, name",
    (
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("collections", "abc"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("numpy", "frombuffer"),
    ),
)
def test_other_names_are_refused(tmp_path, module, name):
  data = b"\x80\x04" + b"".join(
      b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)
  )
  archive(tmp_path / "w.pth", data + b"\x93.")
  with pytest.raises(ValueError, match=f"refused.*{module}.{name}"):
    convert.read(tmp_path / "w.pth")


def pickled(value) -> bytes:
  """What puts a value on the unpickler's stack."""
  return pickle.dumps(value, 2)[2:-1]


def tensor_file(path, *geometry):
  """Writes {"a": tensor} over six numbers as PyTorch does, without PyTorch."""
  storage = (
      b"(" + pickled("storage") + b"ctorch\nFloatStorage\n"
      + pickled("0") + pickled("cpu") + pickled(6) + b"tQ"
  )  # fmt: skip
  arguments = b"".join(pickled(x) for x in (*geometry, False, {}))
  tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + arguments + b"tR"
  data = b"\x80\x02}" + pickled("a") + tensor + b"s."
  archive(path, data, **{"0": np.arange(6, dtype="<f4").tobytes()})


def test_a_file_is_read_without_torch(tmp_path):
  tensor_file(tmp_path / "w.pth", 1, (2, 2), (2, 1))
  got = convert.read(tmp_path / "w.pth")
  assert got["a"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "geometry",
    ((0, (7,), (1,)), (5, (2,), (1,)), (-1, (2,), (1,)), (3, (2,), (-1,)),
     (0, (2, 3), (1,)), (0, (2,), (2**60,))),
)  # fmt: skip
def test_a_tensor_outside_its_storage_is_an_error(tmp_path, geometry):
  """Strides come from the file and must not reach other memory."""
  tensor_file(tmp_path / "w.pth", *geometry)
  with pytest.raises(ValueError, match=r"w\.pth: a tensor"):
    convert.read(tmp_path / "w.pth")


@pytest.mark.parametrize("new_format", (True, False))
@pytest.mark.parametrize("share", (0.0, 0.1, 0.5, 0.9, 0.999))
def test_a_cut_torch_file_is_an_error(tmp_path, new_format, share):
  torch = pytest.importorskip("torch", reason="writes the files")
  path = tmp_path / "w.pth"
  state = {"a": torch.arange(100.0), "b": torch.arange(100.0)}
  torch.save(state, path, _use_new_zipfile_serialization=new_format)
  whole = path.read_bytes()
  path.write_bytes(whole[: int(share * len(whole))])
  with pytest.raises(ValueError, match=r"w\.pth: "):
    convert.read(path)


def test_files_without_tensors_are_errors(tmp_path):
  archive(tmp_path / "w.pth", pickle.dumps({"epoch": 1}))
  with pytest.raises(ValueError, match=r"no tensors.*epoch"):
    convert.read(tmp_path / "w.pth")
  archive(tmp_path / "w.pth", pickle.dumps([1, 2]))
  with pytest.raises(ValueError, match="it holds a list"):
    convert.read(tmp_path / "w.pth")


def test_missing_files_and_unknown_kinds(tmp_path):
  with pytest.raises(FileNotFoundError, match=r"no\.pth"):
    convert.read(tmp_path / "no.pth")
  (tmp_path / "w.h5").write_bytes(b"")
  with pytest.raises(ValueError, match=r"w\.h5.*\.safetensors"):
    convert.read(tmp_path / "w.h5")
