"""Reads .caffemodel files without Caffe and without generated code.

The format is a protocol buffer, `NetParameter` of Caffe's caffe.proto; here is
what of it holds weights. https://protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator
import math
import os

import numpy as np

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Field numbers: of NetParameter's layers -> of a layer's name and of its blobs.
_LAYERS = {100: (1, 7), 2: (4, 6)}
"""LayerParameter, and V1LayerParameter of the nets before 2015."""

_DATA, _SHAPE, _DOUBLE = 5, 7, 8
_LEGACY_SHAPE = (1, 2, 3, 4)
"""Fields of BlobProto: `num`, `channels`, `height` and `width` are legacy."""

_AXES = 32
"""The most of a blob (`kMaxBlobAxes`)."""

_NAMES = ("weight", "bias")


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
  """The layers' blobs: the first is `<layer>.weight`, the second `.bias`.

  Any further one has its number in the place. Kernels are (out, in, height,
  width), those of deconvolutions (in, out, height, width), vectors have one
  axis, whatever the age of the file.

  Raises:
    ValueError: the file is damaged, or holds no weights.
  """
  data = np.memmap(path, np.uint8, "r") if os.path.getsize(path) else b""
  view, tensors = memoryview(data), {}
  for number, layer in _fields(view):
    if number not in _LAYERS or isinstance(layer, int):
      continue
    name_field, blob_field = _LAYERS[number]
    name, blobs = "", []
    for field, value in _fields(layer):
      if field == name_field:
        name = _text(value)
      elif field == blob_field:
        blobs.append(_blob(value))
    for i, blob in enumerate(blobs):
      # A scale, or a bias of old files, which have four axes for everything.
      if i or (len(blobs) > 1 and blob.size == blobs[1].size):
        blob = blob.ravel()
      tensors[f"{name}.{_NAMES[i] if i < 2 else i}"] = blob
  if not tensors:
    raise ValueError("no layer in it has weights")
  return tensors


def _blob(message) -> np.ndarray:
  numbers, shape, legacy = {}, None, {}
  for field, value in _fields(message):
    if field in (_DATA, _DOUBLE) and isinstance(value, memoryview):
      numbers.setdefault(field, bytearray()).extend(value)
    elif field == _SHAPE:
      shape = [int(v) for _, dim in _fields(value) for v in _integers(dim)]
    elif field in _LEGACY_SHAPE and isinstance(value, int):
      legacy[field] = value
  if shape is None:
    shape = [legacy.get(field, 1) for field in _LEGACY_SHAPE]
  if len(numbers) > 1 or len(shape) > _AXES:
    raise ValueError("a blob has two kinds of numbers or too many axes")
  width = 8 if _DOUBLE in numbers else 4
  data = next(iter(numbers.values()), b"")
  if len(data) % width:
    raise ValueError("a blob ends within a number")
  values = np.frombuffer(data, f"<f{width}").astype(np.float32)
  if values.size != math.prod(shape):
    raise ValueError(f"a blob of shape {shape} has {values.size} numbers")
  return values.reshape(shape)


def _fields(message) -> Iterator[tuple[int, int | memoryview]]:
  """The (field number, value) pairs of a message, numbers not decoded."""
  if isinstance(message, int):
    raise ValueError("a number stands where a message should")
  at = 0
  while at < len(message):
    key, at = _varint(message, at)
    kind = key & 7
    if kind == _VARINT:
      value, at = _varint(message, at)
    elif kind in (_FIXED64, _FIXED32, _BYTES):
      size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
      if size is None:
        size, at = _varint(message, at)
      if at + size > len(message):
        raise ValueError("it is cut off")
      value, at = message[at : at + size], at + size
    else:
      raise ValueError(f"it has a field of the unknown kind {kind}")
    yield key >> 3, value


def _integers(value) -> Iterator[int]:
  """Of a repeated field, packed or not."""
  if isinstance(value, int):
    yield value
    return
  at = 0
  while at < len(value):
    number, at = _varint(value, at)
    yield number


def _varint(message, at: int) -> tuple[int, int]:
  """Seven bits a byte, the lowest first; the eighth says that more follow."""
  number = shift = 0
  while True:
    if at >= len(message):
      raise ValueError("it is cut off")
    byte = int(message[at])
    number |= (byte & 127) << shift
    at, shift = at + 1, shift + 7
    if byte < 128:
      return number, at
    if shift > 63:
      raise ValueError("it has a number of more than 64 bits")


def _text(value) -> str:
  if isinstance(value, int):
    raise ValueError("a layer's name is a number")
  return bytes(value).decode("utf-8")  # An error of it is a ValueError.
