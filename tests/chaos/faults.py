"""What can go wrong inside a run, at moments that no killer outside can hit.

`install(name)` is called in the process of the run, before it begins.
"""

import ctypes
import itertools
import os
import resource
import shutil
import signal
import sys
import time

from experiments import build
from segjax.training import checkpoint, records, seal

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
CLONE_NEWNS = 0x00020000


def die(*unused, **also_unused):
  os.kill(os.getpid(), signal.SIGKILL)


def before(owner, name, act=die, when=lambda *arguments: True, nth=1):
  """Calls `act` before the nth call of `owner.name` for which `when` says so."""
  original, seen = getattr(owner, name), itertools.count(1)

  def replacement(*arguments, **keywords):
    if when(*arguments) and next(seen) == nth:
      act(*arguments)
    return original(*arguments, **keywords)

  setattr(owner, name, replacement)


def half(path, text):
  """As `records.replace_text`, but it gets no further than half the file."""
  path.with_name(path.name + ".new").write_text(text[: len(text) // 2])
  die()


def half_a_line(recorder, step, values):
  del values
  with recorder.path.open("a") as file:
    file.write(f'{{"step": {step}, "lo')
  die()


def half_of_a_folder(path, *unused, **also_unused):
  """Removes one file of the folder that should go."""
  for folder, _, files in os.walk(path):
    if files:
      os.remove(os.path.join(folder, files[0]))
      die()


def one_batch(*arguments, **keywords):
  """As `build.eval_batches`, which ends after the first batch, with us."""
  yield next(ORIGINAL_EVAL_BATCHES(*arguments, **keywords))
  die()


def late_batches(*arguments, **keywords):
  """As `build.eval_batches`, when what goes on in the background is done."""
  time.sleep(30)
  yield from ORIGINAL_EVAL_BATCHES(*arguments, **keywords)


def kill_while_removing():
  """And before the evaluation that begins meanwhile has its scores."""
  build.eval_batches = late_batches
  before(
      shutil,
      "rmtree",
      half_of_a_folder,
      lambda path, *_: "orbax-checkpoint-tmp" not in str(path),
  )


ORIGINAL_EVAL_BATCHES = build.eval_batches

KILLS = {
    "while config.json is written": lambda: before(
        records, "replace_text", half, lambda path, _: "config" in path.name
    ),
    "before the first checkpoint": lambda: before(
        checkpoint.Checkpoints, "save"
    ),
    "before the checkpoint is whole": lambda: before(
        seal.TemporaryPath, "finalize"
    ),
    "while checksums are made": lambda: before(
        seal.hashlib, "file_digest", nth=3
    ),
    "before the checkpoint gets its name": lambda: before(
        os, "rename", when=lambda old, new: str(old).endswith("-whole")
    ),
    "in the middle of a line": lambda: before(
        records.Records,
        "write",
        half_a_line,
        lambda recorder, step, values: step == 7,
    ),
    "while an old checkpoint is removed": kill_while_removing,
    "during an evaluation": lambda: setattr(build, "eval_batches", one_batch),
    # The first time, the lines after the checkpoint are forgotten.
    "before the scores are recorded": lambda: before(
        os, "replace", when=lambda old, new: "metrics" in str(new), nth=2
    ),
    "between metrics and checkpoint": lambda: before(
        checkpoint.Checkpoints, "save", when=lambda _, state: state.step > 12
    ),
}
"""Moments at which the run kills itself (SIGKILL), in the order of a run."""


def full_disk():
  """No file may grow beyond 16 KiB, as if there were no room (EFBIG)."""
  resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, 2**14))


def backwards():
  """Every look at the clock shows an earlier time."""
  begin = time.time()
  looks = itertools.count(1)
  time.time = lambda: begin - next(looks)
  time.time_ns = lambda: int((begin - next(looks)) * 1e9)


def read_only():
  """The workdir cannot be written to, by this process alone."""
  (workdir,) = (a.partition("=")[2] for a in sys.argv if "--workdir=" in a)
  mount_read_only(workdir)


def mount_read_only(path):
  """OSError where the system does not let us."""
  libc = ctypes.CDLL(None, use_errno=True)
  path = os.fsencode(path)
  for call in (
      lambda: libc.unshare(CLONE_NEWNS),
      lambda: libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None),
      lambda: libc.mount(path, path, None, MS_BIND, None),
      lambda: libc.mount(
          None, path, None, MS_BIND | MS_REMOUNT | MS_RDONLY, None
      ),
  ):
    if call():
      raise OSError(ctypes.get_errno(), "cannot mount")


OTHERS = {
    "full disk": full_disk,
    "backwards": backwards,
    "read only": read_only,
}


def install(name):
  """Prepares what `name` says, in this process."""
  (KILLS | OTHERS)[name]()
