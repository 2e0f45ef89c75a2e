"""What the tests of harmful files share."""

import io
import zipfile

import pytest

from segjax import convert
from tests.convert import read_test


def refused(path, content, match):
  """Reads a file of these bytes, which must be an error that names it."""
  path.write_bytes(content)
  with pytest.raises(ValueError, match=match) as caught:
    convert.read(path)
  assert str(path) in str(caught.value)
  assert len(str(caught.value)) < 1000 + len(str(path))


def zipped(members, compression=zipfile.ZIP_STORED):
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, "w", compression) as file:
    for name, content in members.items():
      file.writestr(name, content)
  return buffer.getvalue()


def tensor(offset, size, stride):
  """The part of a pickle that is a tensor over the storage "0"."""
  arguments = b"".join(
      map(read_test.pickled, (offset, size, stride, False, {}))
  )
  return (
      b"ctorch._utils\n_rebuild_tensor_v2\n((" + read_test.pickled("storage")
      + b"ctorch\nFloatStorage\n" + read_test.pickled("0")
      + read_test.pickled("cpu") + read_test.pickled(6) + b"tQ" + arguments
      + b"tR"
  )  # fmt: skip
