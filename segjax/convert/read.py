"""Checkpoint files as {name: array}, without executing anything in them."""

from collections.abc import Mapping
import io
import json
import math
import os
import pathlib
from typing import Any
import zipfile

import jax.numpy as jnp
import numpy as np

from segjax.convert import caffemodel, torchfile

_SAFETENSORS = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": jnp.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}

_HEADER = 100_000_000
"""The most bytes of a .safetensors header, as their library has it."""

_NPY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

_WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
)
"""Keys under which training scripts keep a state dict among other things."""

_DEPTH = 8
"""Of wrappers in wrappers; a mapping may hold itself."""

_PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put in front of every name."""


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """The tensors of a .npz, .safetensors, .pth, .pt or .caffemodel file.

  PyTorch's files are read without PyTorch, by a reader that knows tensors and
  nothing else. Wrappers are removed as by `unwrap`. What a small file would
  unpack to more than 1 GiB, and 16 times its size, is refused.

  Raises:
    FileNotFoundError: there is no such file.
    OSError: it cannot be opened: a folder, a name too long, no permission.
    ValueError: the file is of another kind, is damaged, is a pickle that does
      more than hold tensors, or a decompression bomb.
  """
  path = pathlib.Path(path)
  if path.exists() and not path.is_file():
    raise IsADirectoryError(f"{path} is no file that a checkpoint could be in")
  if not path.is_file():
    raise FileNotFoundError(f"there is no checkpoint file {str(path)!r}")
  suffix = path.suffix.lower()
  if suffix not in _READERS:
    raise ValueError(
        f"{path}: checkpoints are read from {', '.join(sorted(_READERS))}"
        f" files, not from {suffix or 'files without a suffix'}"
    )
  path.open("rb").close()  # What prevents it is no damage.
  try:
    return _READERS[suffix](path)
  except ValueError as error:
    raise ValueError(f"{path}: {error}") from error


def unwrap(tree: Mapping[str, Any]) -> dict[str, np.ndarray]:
  """The tensors of a checkpoint by name, without what is wrapped around them.

  {"state_dict": {...}} and its relatives become the inner mapping; a prefix
  `module.` of all names goes; entries that are no tensors are left out.

  Raises:
    ValueError: there is no tensor in it.
  """
  for _ in range(_DEPTH):
    inner = [tree[k] for k in _WRAPPERS if isinstance(tree.get(k), Mapping)]
    if not inner:
      break
    tree = inner[0]
  tensors = {str(k): _array(v) for k, v in tree.items() if hasattr(v, "shape")}
  if not tensors:
    keys = ", ".join(f"{key!s:.40}" for key in list(tree)[:8]) or "nothing"
    raise ValueError(f"no tensors by name are in it; it holds {keys}")
  for prefix in _PREFIXES:
    if all(name.startswith(prefix) for name in tensors):
      tensors = {k.removeprefix(prefix): v for k, v in tensors.items()}
  return tensors


def _array(value) -> np.ndarray:
  if hasattr(value, "detach"):  # A torch.Tensor, which may be on any device.
    value = value.detach().float().cpu().numpy()
  return np.asarray(value)


def _read_npz(path):
  allowance, tensors = torchfile.Allowance(path), {}
  try:
    with zipfile.ZipFile(path) as archive:
      for member in archive.infolist():
        if member.filename.endswith(".npy"):
          allowance.take(member.file_size)
          array = _npy(archive.read(member), member.filename)
          tensors[member.filename.removesuffix(".npy")] = array
  except torchfile.DAMAGE as error:
    raise ValueError(f"not a complete .npz file: {error}") from error
  return unwrap({k: v for k, v in tensors.items() if v is not None})


def _npy(content, name):
  """An array of numbers; None for one of strings."""
  file = io.BytesIO(content)
  header = _NPY_HEADERS.get(np.lib.format.read_magic(file))
  if header is None:
    raise ValueError(f"{name} is of an unknown version of the .npy format")
  shape, columns_first, dtype = header(file)
  if dtype.kind in "SU":
    return None
  if dtype.kind not in "biuf":
    raise ValueError(f"{name} holds {dtype}, not numbers")
  data = content[file.tell() :]
  _check_size(name, shape, dtype, len(data))
  order = "F" if columns_first else "C"
  return np.frombuffer(data, dtype).reshape(shape, order=order).copy(order)


def _read_safetensors(path):
  """The format is 8 bytes of header size, a JSON header, the bytes."""
  data = np.memmap(path, np.uint8, "r") if path.stat().st_size else b""
  size = int.from_bytes(bytes(data[:8]), "little")
  if len(data) < 8 or 8 + size > len(data):
    raise ValueError("not a complete .safetensors file: its header is cut off")
  if size > _HEADER:
    raise ValueError(f"refused: it has a header of {size} bytes")
  try:
    header = json.loads(bytes(data[8 : 8 + size]))
    header.pop("__metadata__", None)
    _check_offsets(header, len(data) - 8 - size)
    return unwrap({k: _view(data[8 + size :], k, v) for k, v in header.items()})
  except (*torchfile.DAMAGE, ValueError) as error:
    raise ValueError(
        f"not a complete .safetensors file: {error or type(error).__name__}"
    ) from error


def _check_offsets(header, size):
  """Every byte belongs to one tensor, as the format asks."""
  end = 0
  for name, entry in sorted(
      header.items(), key=lambda item: item[1]["data_offsets"]
  ):
    first, last = entry["data_offsets"]
    if not (type(first) is type(last) is int and first <= last <= size):
      raise ValueError(f"{name}: bytes {first} to {last} are not in the file")
    if first != end:
      raise ValueError(
          f"{name} begins at byte {first}, where the tensor before it ends at"
          f" {end}"
      )
    end = last
  if end != size:
    raise ValueError(f"{size - end} bytes behind the last tensor are nobody's")


def _view(data, name, entry):
  if entry["dtype"] not in _SAFETENSORS:
    raise ValueError(
        f"{name} has the type {entry['dtype']!s:.20}; possible are"
        f" {', '.join(_SAFETENSORS)}"
    )
  dtype = np.dtype(_SAFETENSORS[entry["dtype"]])
  first, last = entry["data_offsets"]
  _check_size(name, entry["shape"], dtype, last - first)
  return np.array(data[first:last]).view(dtype).reshape(entry["shape"])


def _check_size(name, shape, dtype, size):
  """The bytes are as many as a shape from the file says."""
  if len(shape) > 64 or not all(type(n) is int and n >= 0 for n in shape):
    raise ValueError(f"{name} has the impossible shape {str(shape)[:80]}")
  if math.prod(shape) * dtype.itemsize != size:
    raise ValueError(f"{name} of shape {tuple(shape)} has {size} bytes")


def _read_torch(path):
  with torchfile.open_file(path) as tree:
    if not isinstance(tree, Mapping):
      raise ValueError(f"it holds a {type(tree).__name__}, not named tensors")
    return unwrap(tree)  # The only tensors that are read from the disk.


def _read_caffe(path):
  try:
    return unwrap(caffemodel.read(path))
  except ValueError as error:
    raise ValueError(f"not a complete .caffemodel file: {error}") from error


_READERS = {
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".bin": _read_torch,
    ".caffemodel": _read_caffe,
    ".ckpt": _read_torch,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".tar": _read_torch,  # .pth.tar
}
