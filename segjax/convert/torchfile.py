"""PyTorch's two file formats, read without PyTorch and without running them.

Facts from torch/serialization.py: since 1.6 a file is a zip archive of a pickle
(`data.pkl`) and one entry a storage; before, it was a sequence of pickles with
the storages' bytes behind them.
"""

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import functools
import io
import lzma
import math
import mmap
import pathlib
import pickle
import struct
import tokenize
from typing import Any, BinaryIO
import zipfile
import zlib

import jax.numpy as jnp
import numpy as np

from segjax.convert import pickles

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

_TAR = slice(257, 262)
"""Where a tar archive has its mark."""

_AXES = 64
"""The most of an array (NumPy)."""

DAMAGE = (
    pickle.UnpicklingError,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    zlib.error,
)
"""What Python's readers of pickles and zip archives raise on damaged ones."""

_NAME = 100
"""The most characters of a storage's name, which is a number."""

_FLOOR, _FACTOR = 1 << 30, 16


class Allowance:
  """The bytes that what is in a file may still fill in memory.

  That is 1 GiB or 16 times the file's size, whichever is more: weights hardly
  compress, a decompression bomb does by a factor of 1000.
  """

  def __init__(self, path: pathlib.Path):
    self._all = self._left = max(_FLOOR, _FACTOR * path.stat().st_size)

  def take(self, size: int) -> None:
    """Counts `size` bytes that are about to be filled.

    Raises:
      ValueError: they are too many.
    """
    self._left -= size
    if self._left < 0:
      raise ValueError(
          "refused: what is in it would fill more than"
          f" {self._all >> 20} MiB, as a decompression bomb does"
      )


@dataclasses.dataclass(frozen=True)
class Storage:
  """A run of numbers in the file.

  Attributes:
    dtype: of the numbers.
    load: gives them all, as bytes.
    start: index of the first that counts, where it is a view of another.
  """

  dtype: np.dtype
  load: Callable[[], bytes | memoryview]
  start: int = 0


class Tensor:
  """A tensor that is still in the file, an array on demand.

  The arguments are the first four of PyTorch's `_rebuild_tensor_v2`; numbers
  and strides count items.
  """

  def __init__(
      self,
      storage: Storage,
      offset: int,
      size: tuple[int, ...],
      stride: tuple[int, ...],
      allowance: Allowance,
  ):
    if not isinstance(storage, Storage):
      raise ValueError("a tensor without a storage is in it")
    numbers = (storage.start, offset, *size, *stride)
    if (
        len(size) != len(stride)
        or len(size) > _AXES
        or not all(type(n) is int and 0 <= n < 1 << 63 for n in numbers)
    ):
      raise ValueError("a tensor of impossible shape is in it")
    self.shape = tuple(size)
    self._storage, self._stride = storage, stride
    self._first, self._allowance = storage.start + offset, allowance

  def __array__(self, dtype=None, copy=None) -> np.ndarray:
    del copy  # It is one in any case.
    array = self._read()
    return array if dtype is None else array.astype(dtype)

  def _read(self):
    kind = self._storage.dtype
    if math.prod(self.shape) == 0:
      return np.empty(self.shape, kind)
    self._allowance.take(math.prod(self.shape) * kind.itemsize)
    flat = np.frombuffer(self._storage.load(), np.uint8)
    flat = flat[: flat.size // kind.itemsize * kind.itemsize].view(kind)
    last = self._first + sum(
        (n - 1) * s for n, s in zip(self.shape, self._stride)
    )
    if last >= flat.size:
      raise ValueError("a tensor's numbers lie outside its storage")
    strides = [s * kind.itemsize for s in self._stride]
    view = np.lib.stride_tricks.as_strided(
        flat[self._first :], self.shape, strides
    )
    return view.copy()


@contextlib.contextmanager
def open_file(path: pathlib.Path) -> Iterator[Any]:
  """Yields what is pickled in a file, with `Tensor`s, which read it until then.

  Raises:
    ValueError: the file is damaged, of another kind, asks for more than
      tensors, or would fill too much memory.
  """
  allowance = Allowance(path)
  with contextlib.ExitStack() as stack:
    file = stack.enter_context(open(path, "rb"))
    try:
      if zipfile.is_zipfile(file):
        archive = stack.enter_context(zipfile.ZipFile(file))
        yield _open_zip(archive, allowance)
      else:
        yield _open_legacy(file, allowance)
    except DAMAGE as error:
      raise ValueError(
          f"not a complete PyTorch file: {error or type(error).__name__}"
      ) from error


def _open_zip(archive, allowance):
  names = [n for n in archive.namelist() if n.endswith("/data.pkl")]
  if len(names) != 1:
    raise ValueError("not a PyTorch file: a zip archive without one data.pkl")
  root = names[0].removesuffix("data.pkl")

  @functools.lru_cache(4)
  def read(name):
    allowance.take(archive.getinfo(name).file_size)
    return archive.read(name)

  order = root + "byteorder"
  if order in archive.namelist() and read(order) != b"little":
    raise ValueError("its numbers are big-endian, which is not supported")
  load = lambda key, _: functools.partial(read, f"{root}data/{key}")
  return _unpickle(io.BytesIO(read(names[0])), load, allowance)


def _open_legacy(file: BinaryIO, allowance):
  if not file.seek(0, 2):
    raise EOFError("it is empty")
  # Reads of a map end with the file, whatever size they are told.
  data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
  if data[_TAR] == b"ustar":
    raise ValueError(
        "not a PyTorch file but a tar archive, as its first versions wrote"
    )
  plain = functools.partial(pickles.read, data, _KNOWN, _no_storage)
  if plain() != _MAGIC:
    raise ValueError("not a PyTorch file: it begins with another pickle")
  plain()  # The version of the protocol.
  if not plain().get("little_endian", True):
    raise ValueError("its numbers are big-endian, which is not supported")
  dtypes, places = {}, {}

  def load(key, dtype):
    dtypes[key] = dtype
    return lambda: memoryview(data)[slice(*places[key])]

  tree = _unpickle(data, load, allowance)
  for key in plain():
    size = int.from_bytes(data.read(8), "little") * dtypes[str(key)].itemsize
    first = data.tell()
    if first + size > len(data):
      raise EOFError("a storage is cut off")
    places[str(key)] = (first, first + size)
    data.seek(size, 1)
  return tree


def _unpickle(file, load, allowance):
  """A pickle of tensors, given what makes a storage's `load` of its key."""

  def storage(pid):
    kind, dtype, key, _, _, *view = pid
    if kind != "storage" or not isinstance(dtype, np.dtype):
      raise ValueError("refused: its pickle refers to what is no storage")
    if not isinstance(key, str | int) or len(str(key)) > _NAME:
      raise ValueError("refused: its pickle has a storage without a name")
    start = view[0][1] if view and view[0] else 0
    return Storage(dtype, load(str(key), dtype), start)

  tensor = lambda *args: Tensor(*args[:4], allowance)
  known = _KNOWN | {"torch._utils._rebuild_tensor_v2": tensor}
  return pickles.read(file, known, storage)


def _no_storage(_):
  raise ValueError("not a PyTorch file: it begins with another pickle")


_KNOWN = {
    "collections.OrderedDict": pickles.dictionary,
    "torch.Size": tuple,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
} | {f"torch.{name}": np.dtype(kind) for name, kind in _DTYPES.items()}
