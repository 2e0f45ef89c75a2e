"""Files out of zips, tars and folders, never unpacked onto the disk.

A damaged archive, or one without the member that is asked for, is a
ValueError or FileNotFoundError that names the archive. Only plain files are
members: links and devices are not there. A member that declares more bytes
than LIMIT is refused before it is read.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import functools
import lzma
import os
import pathlib
import re
import struct
import tarfile
import zipfile
import zlib

_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # zipfile: a compression method from random bytes.
    RuntimeError,  # zipfile: a member behind a password.
    ValueError,  # Names and numbers in headers that are none.
    OverflowError,
    struct.error,
    OSError,
)
LIMIT = 1 << 30
"""The most bytes of one member, so that a bomb does not fill the memory."""
_KEPT = 4 << 30  # Of a compressed tar, all members together.


class Archive:
  """Named files, read into memory one at a time.

  Attributes:
    path: the archive file or the folder.
  """

  def __init__(self, path: str | os.PathLike):
    self.path = pathlib.Path(path)

  def names(self) -> list[str]:
    """Every member that is a file, with forward slashes, in any order."""
    raise NotImplementedError

  def _size(self, name: str) -> int:
    """The bytes that a member will fill, as its header declares them."""
    raise NotImplementedError

  def _read(self, name: str) -> bytes:
    raise NotImplementedError

  def read(self, name: str, limit: int = LIMIT) -> bytes:
    """The content of one member.

    Raises:
      FileNotFoundError: if there is no such member.
      ValueError: if the archive is damaged, the name leaves it, or the member
        is larger than `limit` bytes.
    """
    if name.startswith("/") or ".." in name.split("/"):
      raise ValueError(f"{self.path}: {name!r} is not a name inside it.")
    self.file(name)
    with damage(self.path, name):
      size = self._size(name)
    if size > limit:
      raise ValueError(
          f"{self.path}: {name} declares {size} bytes; the limit is {limit}."
      )
    with damage(self.path, name):
      return self._read(name)

  def file(self, name: str) -> "File":
    """A member to be read later.

    Raises:
      FileNotFoundError: now, if there is no such member.
    """
    if name not in self:
      raise FileNotFoundError(f"{self.path} has no {name}.")
    return File(self, name)

  def files(self, pattern: str) -> dict[str, "File"]:
    """{text of the groups, joined by "/": member} of names that match fully."""
    names = sorted(self._index)
    found = ((re.fullmatch(pattern, name), name) for name in names)
    return {"/".join(m.groups()): File(self, name) for m, name in found if m}

  def lines(self, name: str) -> list[str]:
    """The non-empty lines of a text member, stripped."""
    text = self.read(name).decode("utf-8", errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]

  def __contains__(self, name: str) -> bool:
    return name in self._index

  @functools.cached_property
  def _index(self) -> frozenset[str]:
    return frozenset(self.names())


@dataclasses.dataclass(frozen=True)
class File:
  """One member of an archive; str() is what an error calls it."""

  archive: Archive
  name: str

  def read(self) -> bytes:
    return self.archive.read(self.name)

  def __str__(self) -> str:
    return str(self.archive.path / self.name)


class Folder(Archive):
  """An unpacked archive."""

  def names(self) -> list[str]:
    found, seen = [], set()
    for root, folders, files in os.walk(self.path, followlinks=True):
      real = os.path.realpath(root)
      if real in seen:  # A link back to a folder above it.
        folders.clear()
        continue
      seen.add(real)
      inside = pathlib.Path(root).relative_to(self.path)
      found += [(inside / file).as_posix() for file in files]
    return found

  def _size(self, name: str) -> int:
    return (self.path / name).stat().st_size

  def _read(self, name: str) -> bytes:
    return (self.path / name).read_bytes()

  def __contains__(self, name: str) -> bool:
    return (self.path / name).is_file()


class Zip(Archive):
  """A zip file; every member's checksum is checked as it is read."""

  def __init__(self, path: str | os.PathLike):
    super().__init__(path)
    with damage(self.path):
      self._zip = zipfile.ZipFile(self.path)

  def names(self) -> list[str]:
    return [i.filename for i in self._zip.infolist() if not i.is_dir()]

  def _size(self, name: str) -> int:
    return self._zip.getinfo(name).file_size

  def _read(self, name: str) -> bytes:
    return self._zip.read(name)


class Tar(Archive):
  """An uncompressed tar file."""

  def __init__(self, path: str | os.PathLike):
    super().__init__(path)
    with damage(self.path):
      self._tar = tarfile.open(self.path, "r:")  # noqa: SIM115
      self._members = {
          m.name.removeprefix("./"): m for m in self._tar if m.isfile()
      }
      # tarfile takes a cut between two members for the end of the archive.
      self._tar.fileobj.seek(self._tar.offset)
      if self._tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise EOFError("the end is missing")

  def names(self) -> list[str]:
    return list(self._members)

  def _size(self, name: str) -> int:
    return self._members[name].size

  def _read(self, name: str) -> bytes:
    return self._tar.extractfile(self._members[name]).read()


class CompressedTar(Archive):
  """A .tar.gz and the like, read once: what `keep` matches stays in memory."""

  def __init__(self, path: str | os.PathLike, keep: str):
    super().__init__(path)
    self._content, total = {}, 0
    with damage(self.path), tarfile.open(self.path, "r:*") as tar:
      for member in tar:
        name = member.name.removeprefix("./")
        if member.isfile() and re.fullmatch(keep, name):
          total += member.size
          if total > _KEPT:
            raise EOFError(f"its files declare more than {_KEPT} bytes")
          self._content[name] = tar.extractfile(member).read()
      # gzip's checksum stands behind the last byte.
      while tar.fileobj.read(1 << 20):
        pass

  def names(self) -> list[str]:
    return list(self._content)

  def _size(self, name: str) -> int:
    return len(self._content[name])

  def _read(self, name: str) -> bytes:
    return self._content[name]


def open_archive(path: pathlib.Path, *, keep: str = ".*") -> Archive:
  """Opens a folder, .zip, .tar or compressed tar.

  Args:
    path: what to open.
    keep: a pattern of the names that will be read. Only a compressed tar,
      which cannot be read in any order, makes use of it.

  Raises:
    FileNotFoundError: if there is nothing at `path`.
    ValueError: if it is damaged or no archive.
  """
  if path.is_dir():
    return Folder(path)
  if not path.exists():
    raise FileNotFoundError(f"There is no {path}.")
  if path.suffix == ".zip":
    return Zip(path)
  if path.suffix == ".tar":
    return Tar(path)
  return CompressedTar(path, keep)


def open_either(root: pathlib.Path, packed: str, folder: str) -> Archive:
  """The archive `packed` under `root`, or `root` if it has `folder` instead.

  Raises:
    FileNotFoundError: naming both, if there is neither.
    ValueError: if the archive is damaged.
  """
  found = find(root, packed, folder)
  return Folder(root) if found.name == folder else open_archive(found)


def find(root: pathlib.Path, *names: str) -> pathlib.Path:
  """The first of `names` that exists under `root`; "." is `root` itself.

  Raises:
    FileNotFoundError: with all the names, if there is none.
  """
  for name in names:
    if (root / name).exists():
      return root / name
  raise FileNotFoundError(f"{root} has no {' and no '.join(names)}.")


@contextlib.contextmanager
def damage(path: pathlib.Path, name: str = "") -> Iterator[None]:
  """Turns what the archive libraries raise into one ValueError."""
  try:
    yield
  except (FileNotFoundError, PermissionError):
    raise
  except _DAMAGE as error:
    where = f" at {name}" if name else ""
    raise ValueError(
        f"{path} is damaged{where} ({error or type(error).__name__}); "
        "copy or download it again."
    ) from error
