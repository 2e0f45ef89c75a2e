"""Checksums of a checkpoint: written before it gets its name.

A checkpoint holds the file SHA256SUMS, which lists its other files as the
program `sha256sum` does: `cd runs/X/checkpoints/500; sha256sum --check
SHA256SUMS` finds by hand what `check` finds.
"""

import asyncio
from collections.abc import Iterator
import hashlib
import os
import pathlib
import re

from orbax import checkpoint as ocp

FILE = "SHA256SUMS"
NOTE = {"checksums": FILE}
"""For Orbax's metadata: without `FILE`, this checkpoint lacks a file."""

_METADATA = "_CHECKPOINT_METADATA"
_SUCCESS = ocp.path.atomicity.COMMIT_SUCCESS_FILE
_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n")


class DamageError(ValueError):
  """A file of a checkpoint is missing, or is not what was written."""


class TemporaryPath(ocp.path.atomicity.AtomicRenameTemporaryPath):
  """Orbax's temporary folder, sealed before it gets its final name.

  Orbax writes its last file and renames in one call. Here that call leads to a
  second temporary name, where the checksums are added. All is on the disk, and
  not just in the machine's memory, before the final name exists.
  """

  async def finalize(self) -> None:
    """Completes the folder; a kill at any moment leaves all or a temporary."""
    final = self._final_path
    if self._checkpoint_metadata_store is None:
      await super().finalize()  # A part of a checkpoint: the whole has one.
      return
    whole = final.with_name(self.get().name + "-whole")
    self._final_path = whole
    try:
      await super().finalize()
    finally:
      self._final_path = final
    await asyncio.to_thread(_forget_place, pathlib.Path(whole))
    await asyncio.to_thread(seal, pathlib.Path(whole))
    os.rename(whole, final)
    sync_folder(pathlib.Path(final.parent))


def seal(folder: pathlib.Path) -> None:
  """Writes the checksums of all files in `folder`, and all to the disk."""
  lines = []
  for path in _files(folder):
    with path.open("rb") as file:
      digest = hashlib.file_digest(file, "sha256").hexdigest()
      os.fsync(file.fileno())
    lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
  with (folder / FILE).open("w") as file:
    file.write("".join(lines))
    file.flush()
    os.fsync(file.fileno())
  for parent, _, _ in os.walk(folder):
    sync_folder(pathlib.Path(parent))


def _forget_place(folder: pathlib.Path) -> None:
  """Takes out the path of this machine, which Orbax writes into its notes."""
  for path in folder.rglob(_SUCCESS):
    path.write_text("Checkpoint commit was successful\n")


def check(folder: pathlib.Path) -> bool:
  """Whether `folder` is sealed, and then whole.

  Returns:
    True where every file is what was sealed; False where nothing was: this
    checkpoint is of a version that wrote no checksums.

  Raises:
    DamageError: names a file that is missing, surplus or changed.
  """
  if not (folder / FILE).is_file():
    metadata = folder / _METADATA
    if metadata.is_file() and FILE.encode() in metadata.read_bytes():
      raise DamageError(f"{FILE} is missing")
    return False
  text = (folder / FILE).read_text("utf-8", "replace")
  lines = text.splitlines(keepends=True)
  wanted = {}
  for number, line in enumerate(lines, start=1):
    match = _LINE.fullmatch(line)
    if not match:
      raise DamageError(f"line {number} of {FILE} cannot be read")
    wanted[match[2]] = match[1]
  there = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
  for name in sorted(wanted.keys() | there.keys()):
    if name not in there:
      raise DamageError(f"{name} is missing")
    if name not in wanted:
      raise DamageError(f"{name} is not in {FILE}")
    with there[name].open("rb") as file:
      if hashlib.file_digest(file, "sha256").hexdigest() != wanted[name]:
        raise DamageError(f"{name} is not what was written")
  return True


def sync_folder(folder: pathlib.Path) -> None:
  """Puts the names in a folder on the disk, where the system can."""
  descriptor = os.open(folder, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  except OSError:
    pass  # Some network file systems sync no folders.
  finally:
    os.close(descriptor)


def describe(error: Exception) -> str:
  """The kind and the first line of an error, short."""
  if isinstance(error, DamageError):
    return str(error)
  line = (str(error).splitlines() or [""])[0]
  return f"{type(error).__name__}: {line[:200]}"


def _files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """All but the checksums and hidden files, such as a file browser leaves."""
  for path in sorted(folder.rglob("*")):
    if path.is_file() and path != folder / FILE and path.name[0] != ".":
      yield path
