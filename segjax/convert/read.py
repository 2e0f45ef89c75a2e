"""Checkpoint files as {name: array}, without executing anything in them."""

from collections.abc import Mapping
import json
import os
import pathlib
from typing import Any

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

_WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
)
"""Keys under which training scripts keep a state dict among other things."""

_PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put in front of every name."""


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """The tensors of a .npz, .safetensors, .pth, .pt or .caffemodel file.

  PyTorch's files are read without PyTorch, by an unpickler that knows tensors
  and nothing else. Wrappers are removed as by `unwrap`.

  Raises:
    FileNotFoundError: there is no such file.
    ValueError: the file is of another kind, is damaged, or is a pickle that
      does more than hold tensors.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise FileNotFoundError(f"there is no checkpoint file {str(path)!r}")
  suffix = path.suffix.lower()
  if suffix not in _READERS:
    raise ValueError(
        f"{path}: checkpoints are read from {', '.join(sorted(_READERS))}"
        f" files, not from {suffix or 'files without a suffix'}"
    )
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
  while True:
    inner = [tree[k] for k in _WRAPPERS if isinstance(tree.get(k), Mapping)]
    if not inner:
      break
    tree = inner[0]
  tensors = {str(k): _array(v) for k, v in tree.items() if hasattr(v, "shape")}
  if not tensors:
    keys = ", ".join(map(str, list(tree)[:8])) or "nothing"
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
  try:
    with np.load(path, allow_pickle=False) as arrays:
      return unwrap({name: arrays[name] for name in arrays.files})
  except torchfile.DAMAGE as error:
    raise ValueError(f"not a complete .npz file: {error}") from error


def _read_safetensors(path):
  """The format is 8 bytes of header size, a JSON header, the bytes."""
  data = np.memmap(path, np.uint8, "r") if path.stat().st_size else b""
  start = 8 + int.from_bytes(bytes(data[:8]), "little")
  if start > len(data):
    raise ValueError("not a complete .safetensors file: its header is cut off")
  try:
    header = json.loads(bytes(data[8:start]))
    header.pop("__metadata__", None)
    return unwrap({k: _view(data[start:], v) for k, v in header.items()})
  except (*torchfile.DAMAGE, ValueError) as error:
    raise ValueError(f"not a complete .safetensors file: {error}") from error


def _view(data, entry):
  dtype = np.dtype(_SAFETENSORS[entry["dtype"]])
  first, last = entry["data_offsets"]
  if not 0 <= first <= last <= len(data):
    raise ValueError(f"bytes {first} to {last} are not in the file")
  return np.array(data[first:last]).view(dtype).reshape(entry["shape"])


def _read_torch(path):
  with torchfile.open_file(path) as (tree, load):
    if not isinstance(tree, Mapping):
      raise ValueError(f"it holds a {type(tree).__name__}, not named tensors")
    # Only what is left after unwrapping is read from the disk.
    return unwrap(torchfile.Lazy.over(tree, load))


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
