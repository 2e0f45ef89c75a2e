"""The folder of a run, where one run at a time writes."""

from collections.abc import Iterator
import contextlib
import datetime
import errno
import fcntl
import os
import pathlib
import socket
import sys

LOCK = "run.lock"


@contextlib.contextmanager
def claim(workdir: pathlib.Path) -> Iterator[None]:
  """Makes the folder and keeps other runs out of it while the context is open.

  The lock is the kernel's, on the file run.lock: it ends with its process,
  however that ends, and the file may stay. `evaluate` and `predict` do not ask
  for it. Of a job's processes the first alone should.

  Raises:
    ValueError: the path is a file, or another run is at work there; the
      message names its process and machine.
    OSError: the folder cannot be made or written to.
  """
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    file = (workdir / LOCK).open("a+")
  except (FileExistsError, NotADirectoryError):
    raise ValueError(
        f"--workdir={workdir} cannot be a folder: there is a file of this name"
    ) from None
  except OSError as error:
    raise OSError(
        f"cannot write to --workdir={workdir}: {error.strerror}"
    ) from error
  with file:
    _lock(file, workdir)
    yield


def _lock(file, workdir: pathlib.Path) -> None:
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    file.seek(0)
    holder = file.read().strip() or "another process"
    raise ValueError(
        f"{workdir} is in use by {holder}. Wait for it, stop it (SIGTERM saves)"
        " or take another --workdir"
    ) from None
  except OSError as error:
    if error.errno not in (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP):
      raise
    print(
        f"warning: the file system of {workdir} has no locks; see to it that"
        " no second run writes there",
        file=sys.stderr,
    )
  now = datetime.datetime.now().isoformat(" ", "seconds")
  with contextlib.suppress(OSError):  # A full disk; the lock holds.
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()} since {now}")
    file.flush()
