"""PyTorch's two file formats, read with an unpickler that knows only tensors.

Facts from torch/serialization.py: since 1.6 a file is a zip archive of a pickle
(`data.pkl`) and one entry a storage; before, it was a sequence of pickles with
the storages' bytes behind them.
"""

import collections
from collections.abc import Callable, Mapping
import contextlib
import dataclasses
import functools
import math
import pathlib
import pickle
from typing import Any, BinaryIO
import zipfile
import zlib

import jax.numpy as jnp
import numpy as np

_DTYPES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": jnp.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}

_MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of a file in the format before PyTorch 1.6."""

DAMAGE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    zlib.error,
)
"""What Python's readers of pickles and zip archives raise on damaged ones."""


@dataclasses.dataclass(frozen=True)
class Storage:
  """A run of numbers in the file.

  Attributes:
    key: its name in the file.
    dtype: of the numbers.
    start: index of its first number, where it is a view of `key`.
  """

  key: str
  dtype: np.dtype
  start: int = 0


@dataclasses.dataclass
class Tensor:
  """A tensor that is still in the file; arguments of `_rebuild_tensor_v2`."""

  storage: Storage
  offset: int
  size: tuple[int, ...]
  stride: tuple[int, ...]

  @property
  def shape(self) -> tuple[int, ...]:
    return tuple(self.size)

  def read(self, load: Callable[[str], bytes]) -> np.ndarray:
    """Reads it, given what reads a storage's bytes."""
    flat = np.frombuffer(load(self.storage.key), np.uint8)
    dtype = self.storage.dtype
    flat = flat[: flat.size // dtype.itemsize * dtype.itemsize].view(dtype)
    first = self.storage.start + self.offset
    numbers = (first, *self.size, *self.stride)
    if len(self.size) != len(self.stride) or min(numbers) < 0:
      raise ValueError("a tensor of impossible shape is in it")
    if math.prod(self.size) == 0:
      return np.empty(self.size, dtype)
    last = first + sum((n - 1) * s for n, s in zip(self.size, self.stride))
    if last >= flat.size:
      raise ValueError("a tensor's numbers lie outside its storage")
    strides = [s * dtype.itemsize for s in self.stride]
    view = np.lib.stride_tricks.as_strided(flat[first:], self.size, strides)
    return view.copy()


class Lazy:
  """A tensor together with what reads it: an array on demand."""

  def __init__(self, tensor: Tensor, load: Callable[[str], bytes]):
    self.shape = tensor.shape
    self._read = functools.partial(tensor.read, load)

  def __array__(self, dtype=None, copy=None) -> np.ndarray:
    del copy
    return self._read().astype(dtype) if dtype else self._read()

  @classmethod
  def over(cls, tree: Any, load: Callable[[str], bytes]) -> Any:
    """The tree of mappings with its tensors as arrays on demand."""
    if isinstance(tree, Mapping):
      return {k: cls.over(v, load) for k, v in tree.items()}
    return cls(tree, load) if isinstance(tree, Tensor) else tree


class Unpickler(pickle.Unpickler):
  """Builds mappings, lists, numbers, strings and `Tensor`s; refuses all else.

  Attributes:
    dtypes: of the storages that the pickle has referred to, by key.
  """

  def __init__(self, file: BinaryIO):
    super().__init__(file)
    self.dtypes: dict[str, np.dtype] = {}

  def find_class(self, module: str, name: str) -> Any:
    """What may be called or referred to.

    Raises:
      ValueError: everything but the parts of a tensor; it is named.
    """
    if module == "collections" and name == "OrderedDict":
      return collections.OrderedDict
    if module == "torch" and name == "Size":
      return functools.partial(tuple)
    if module == "torch" and name in _DTYPES:
      return np.dtype(_DTYPES[name])
    if module == "torch._utils" and name == "_rebuild_tensor_v2":
      return lambda *args: Tensor(*args[:4])
    if module == "torch._utils" and name == "_rebuild_parameter":
      return lambda data, *_: data
    raise ValueError(
        f"refused: its pickle asks for {module}.{name}, and only tensors and"
        " containers of them are read, as loading anything else may run code"
    )

  def persistent_load(self, pid: Any) -> Storage:
    """A storage: ("storage", type, key, device, size[, view])."""
    kind, dtype, key, _, _, *view = pid
    if kind != "storage":
      raise ValueError(f"refused: its pickle refers to a {kind!r}")
    self.dtypes[str(key)] = dtype
    start = view[0][1] if view and view[0] else 0
    return Storage(str(key), dtype, start)


@contextlib.contextmanager
def open_file(path: pathlib.Path):
  """Yields the pickled tree with `Tensor`s, and what reads a storage.

  Raises:
    ValueError: the file is damaged, of another kind, or asks for more than
      tensors.
  """
  with contextlib.ExitStack() as stack:
    file = stack.enter_context(open(path, "rb"))
    try:
      if zipfile.is_zipfile(file):
        yield _open_zip(stack.enter_context(zipfile.ZipFile(file)))
      else:
        file.seek(0)
        yield _open_legacy(file)
    except DAMAGE as error:
      raise ValueError(f"not a complete PyTorch file: {error}") from error


def _open_zip(archive):
  names = [n for n in archive.namelist() if n.endswith("/data.pkl")]
  if len(names) != 1:
    raise ValueError("not a PyTorch file: a zip archive without one data.pkl")
  root = names[0].removesuffix("data.pkl")
  order = root + "byteorder"
  if order in archive.namelist() and archive.read(order) != b"little":
    raise ValueError("its numbers are big-endian, which is not supported")
  with archive.open(names[0]) as file:
    tree = Unpickler(file).load()
  return tree, functools.lru_cache(1)(
      lambda key: archive.read(f"{root}data/{key}")
  )


def _open_legacy(file: BinaryIO):
  if Unpickler(file).load() != _MAGIC:
    raise ValueError("not a PyTorch file: it begins with another pickle")
  Unpickler(file).load()  # The version of the protocol.
  if not Unpickler(file).load().get("little_endian", True):
    raise ValueError("its numbers are big-endian, which is not supported")
  unpickler = Unpickler(file)
  tree = unpickler.load()
  places = {}
  for key in Unpickler(file).load():
    size = int.from_bytes(file.read(8), "little")
    size *= unpickler.dtypes[str(key)].itemsize
    places[str(key)] = (file.tell(), size)
    file.seek(size, 1)

  def load(key):
    start, size = places[key]
    file.seek(start)
    return file.read(size)

  return tree, load
