"""Fetches checkpoint files: resumably, checked, once for all processes."""

from collections.abc import Iterator
import contextlib
import errno
import fcntl
import hashlib
import http.client
import os
import pathlib
import re
import shutil
import time
from typing import BinaryIO
import urllib.error
import urllib.parse
import urllib.request

import tqdm

from segjax.convert import urls

ATTEMPTS = 5
"""Connections in a row that bring nothing, before it is an error."""

PAUSE = 0.5
"""Seconds before the second attempt; they double for each further one."""

_TIMEOUT = 30  # Seconds without a byte.
_CHUNK = 1 << 20


class _DroppedError(Exception):
  """The connection failed in a way that another attempt may mend."""


def cache_dir() -> pathlib.Path:
  """Where files are kept: $SEGJAX_WEIGHTS, or segjax/weights in the user's
  cache folder ($XDG_CACHE_HOME, ~/.cache).
  """
  if os.environ.get("SEGJAX_WEIGHTS"):
    return pathlib.Path(os.environ["SEGJAX_WEIGHTS"])
  home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
  return pathlib.Path(home) / "segjax" / "weights"


def download(
    name: str,
    sha256_prefix: str = "",
    folder: str | os.PathLike[str] | None = None,
) -> pathlib.Path:
  """The path of an official file, which is fetched if it is not there.

  What has come of a file stays beside it as `.part` when the connection fails,
  and the next call goes on from there. Nothing unchecked gets the file's name.

  Args:
    name: a source such as "torchvision/resnet50", or a URL (http, https).
    sha256_prefix: first hexadecimal digits of the file's SHA-256; by default
      those that PyTorch's files have in their names (resnet50-0676ba61.pth).
    folder: where files are kept; `cache_dir()` by default.

  Raises:
    ValueError: the source has no known file, there is no prefix to check, or
      what came is another file.
    FileNotFoundError: the server has no such file.
    OSError: the server refuses, the connection keeps failing, or the disk is
      full.
  """
  url = name if "://" in name else urls.find(name)
  parts = urllib.parse.urlsplit(url)
  if parts.scheme not in ("http", "https"):
    raise ValueError(f"{url}: files are fetched by http and https only")
  file = urllib.parse.unquote(parts.path).rpartition("/")[2]
  if not file:
    raise ValueError(f"{url} does not end with the name of a file")
  named = re.search(r"-([0-9a-f]{8,64})\.", file)
  prefix = (sha256_prefix or (named[1] if named else "")).lower()
  if not re.fullmatch(r"[0-9a-f]{8,64}", prefix):
    raise ValueError(
        f"{url}: sha256_prefix must be 8 to 64 hexadecimal digits where the"
        f" file's name does not have them, not {prefix!r}"
    )
  path = pathlib.Path(folder or cache_dir()).expanduser() / file
  if not (named and named[1].startswith(prefix)):
    path = path.with_name(f"{prefix}-{file}")  # Names are not unique.
  if not (path.is_file() and _sha256(path).startswith(prefix)):
    path.parent.mkdir(parents=True, exist_ok=True)
    _fetch(url, prefix, path)
  return path


def _fetch(url: str, prefix: str, path: pathlib.Path) -> None:
  part = path.with_name(path.name + ".part")
  with _locked(part) as file:
    if path.is_file() and _sha256(path).startswith(prefix):
      part.unlink()  # Another process was here first.
      return
    resumed = _size(file) > 0
    _fill(url, file, path.name)
    found = _sha256(part)
    if resumed and not found.startswith(prefix):
      file.truncate(0)  # What lay there may have been of another file.
      _fill(url, file, path.name)
      found = _sha256(part)
    if not found.startswith(prefix):
      part.unlink()
      raise ValueError(
          f"{url} is not the file that it should be: its SHA-256 begins with"
          f" {found[: len(prefix)]}, not with {prefix}"
      )
    os.fsync(file.fileno())
    os.replace(part, path)


@contextlib.contextmanager
def _locked(part: pathlib.Path) -> Iterator[BinaryIO]:
  """The file, opened to append, while no other process has it."""
  while True:
    with open(part, "ab", buffering=0) as file:
      fcntl.flock(file, fcntl.LOCK_EX)
      if _is_open_file(part, file):  # Nobody has renamed it meanwhile.
        yield file
        return


def _is_open_file(path, file) -> bool:
  try:
    return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
  except FileNotFoundError:
    return False


def _fill(url: str, file: BinaryIO, label: str) -> None:
  """Appends what is missing, over as many connections as it takes."""
  failures, most = 0, _size(file)
  while True:
    try:
      _append(url, file, label)
      return
    except _DroppedError as error:
      failures = 1 if _size(file) > most else failures + 1
      most = max(most, _size(file))
      if failures == ATTEMPTS:
        raise OSError(
            f"{url}: the connection failed {failures} times ({error});"
            f" {_size(file):,} bytes are kept, and the next call goes on there"
        ) from None
      time.sleep(PAUSE * 2 ** (failures - 1))


def _append(url: str, file: BinaryIO, label: str) -> None:
  """Appends what one connection brings."""
  response = _open(url, file)
  if response is None:
    return
  with response:
    start = _size(file)
    length = response.headers.get("Content-Length")
    total = start + int(length) if length else None
    free = shutil.disk_usage(os.path.dirname(file.name)).free
    if total is not None and total - start > free:
      raise OSError(
          errno.ENOSPC,
          f"{total - start:,} bytes are to come and {free:,} are free",
          file.name,
      )
    with tqdm.tqdm(
        desc=label,
        total=total,
        initial=start,
        unit="B",
        unit_scale=True,
        disable=None,  # Where nobody watches.
    ) as bar:
      for chunk in iter(lambda: _receive(response), b""):
        _write(file, chunk)
        bar.update(len(chunk))
  if total is not None and _size(file) < total:
    raise _DroppedError(f"it ended at byte {_size(file):,} of {total:,}")


def _open(url: str, file: BinaryIO) -> http.client.HTTPResponse | None:
  """A response whose body belongs at the end of the file; None at its end."""
  start = _size(file)
  headers = {"User-Agent": "segjax"}
  if start:
    headers["Range"] = f"bytes={start}-"
  try:
    response = urllib.request.urlopen(
        urllib.request.Request(url, headers=headers), timeout=_TIMEOUT
    )
  except urllib.error.HTTPError as error:
    error.close()
    status = f"HTTP {error.code} {error.reason}"
    if error.code == 416:  # There is nothing behind `start`.
      if error.headers.get("Content-Range") == f"bytes */{start}":
        return None
      file.truncate(0)
      raise _DroppedError(status) from None
    if error.code in (404, 410):
      raise FileNotFoundError(
          f"{url}: the server has no such file ({status})"
      ) from None
    if error.code in (408, 429) or error.code >= 500:
      raise _DroppedError(status) from None
    raise OSError(f"{url}: the server refuses ({status})") from None
  except (OSError, http.client.HTTPException) as error:
    raise _DroppedError(getattr(error, "reason", None) or error) from None
  where = response.headers.get("Content-Range", "")
  if start and response.status != 206:  # It knows no ranges.
    file.truncate(0)
  elif start and not where.startswith(f"bytes {start}-"):
    file.truncate(0)
    response.close()
    raise _DroppedError(f"it answers bytes={start}- with {where!r}")
  return response


def _receive(response: http.client.HTTPResponse) -> bytes:
  try:
    return response.read(_CHUNK)
  except (OSError, http.client.HTTPException) as error:
    raise _DroppedError(error) from None


def _write(file: BinaryIO, chunk: bytes) -> None:
  view = memoryview(chunk)
  try:
    while view:
      view = view[file.write(view) :]
  except OSError as error:
    raise OSError(
        error.errno,
        f"{error.strerror}; {_size(file):,} bytes are kept, and the next call"
        " goes on there",
        file.name,
    ) from None


def _size(file: BinaryIO) -> int:
  return os.fstat(file.fileno()).st_size


def _sha256(path: pathlib.Path) -> str:
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()
