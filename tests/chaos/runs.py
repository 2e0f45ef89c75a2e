"""Starts runs, watches them, kills them and compares what they leave."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import jax
import numpy as np
from orbax import checkpoint as ocp

ROOT = pathlib.Path(__file__).parents[2]
KILLS = int(os.environ.get("CHAOS_KILLS", "3"))
SEED = int(os.environ.get("CHAOS_SEED", str(random.randrange(10**6))))
STEPS = 20
RECIPE = (
    "--config=configs/shapes.py:smoke",
    f"--config.total_steps={STEPS}",
    "--config.checkpoint.every_steps=4",
    "--config.checkpoint.keep=2",
    "--config.eval.every_steps=12",
    "--config.ema_decay=0.9",
    "--config.model.features=(4, 8)",
    "--config.augment.crop=(33, 33)",
)
TEMPORARY = "orbax-checkpoint-tmp"


class Warm:
  """The client of tests/chaos/warm.py; a context manager."""

  def __init__(self, folder: pathlib.Path):
    self.folder = folder
    self._process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.warm"],
        cwd=ROOT,
        env=os.environ
        | {
            "JAX_PLATFORMS": "cpu",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
        },
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    self._count = 0
    self._answer()

  def start(self, name, *flags, fault=None):
    """A run in `folder`/`name`."""
    self._count += 1
    out = self.folder / f"out{self._count}"
    argv = [
        *RECIPE,
        f"--workdir={self.folder / name}",
        f"--config.dataset.data_dir={self.folder / 'data'}",
        *flags,
    ]
    pid = self._ask(argv=argv, out=str(out), fault=fault)["pid"]
    return Run(self, pid, out, self.folder / name)

  def _ask(self, **request):
    print(json.dumps(request), file=self._process.stdin, flush=True)
    return self._answer()

  def _answer(self):
    line = self._process.stdout.readline()
    assert line, "the warm process has ended"
    return json.loads(line)

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    self._process.stdin.close()
    self._process.wait()


class Run:
  """A run that has been started."""

  def __init__(self, warm, pid, out, workdir):
    self._warm, self.pid, self._out = warm, pid, out
    self.workdir, self.status = workdir, None

  def wait(self):
    """Its exit status, negative for a signal."""
    if self.status is None:
      self.status = self._warm._ask(wait=self.pid)["status"]
    return self.status

  def kill(self, number=signal.SIGKILL):
    os.kill(self.pid, number)
    return self.wait()

  @property
  def out(self):
    return self._out.read_text() if self._out.exists() else ""

  def alive(self):
    if self.status is None:
      self.status = self._warm._ask(look=self.pid)["status"]
    return self.status is None

  def until(self, condition, seconds=60.0):
    """Whether the condition came true while the run was alive."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
      if condition():
        return True
      if not self.alive():
        return False
      time.sleep(0.001)
    raise TimeoutError(self.out)

  def writing(self):
    """Whether a checkpoint is being written."""
    return bool(temporaries(self.workdir))

  def resting(self):
    """Whether none is."""
    return not self.writing()


def temporaries(workdir):
  """The folders of checkpoints that are, or were, being written."""
  try:
    names = os.listdir(workdir / "checkpoints")
  except FileNotFoundError:
    return []
  return [name for name in names if TEMPORARY in name]


def state(workdir):
  """The last checkpoint's leaves by their names, as numpy arrays."""
  folder = workdir / "checkpoints" / str(STEPS)
  handler = ocp.CompositeCheckpointHandler(
      default=ocp.PyTreeCheckpointHandler()
  )
  with ocp.Checkpointer(handler) as checkpointer:
    tree = checkpointer.metadata(folder).item_metadata["default"].tree
    as_numpy = ocp.RestoreArgs(restore_type=np.ndarray)
    restore_args = jax.tree.map(lambda _: as_numpy, tree)
    restore = ocp.args.PyTreeRestore(tree, restore_args=restore_args)
    args = ocp.args.Composite(default=restore)
    restored = checkpointer.restore(folder, args=args)["default"]
  leaves = jax.tree_util.tree_leaves_with_path(restored)
  return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def assert_same(one, other):
  """Every leaf of the state and every byte of metrics.jsonl."""
  want, got = state(one), state(other)
  assert want.keys() == got.keys()
  for name, leaf in want.items():
    assert leaf.dtype == got[name].dtype
    assert leaf.tobytes() == got[name].tobytes(), name
  want, got = ((w / "metrics.jsonl").read_bytes() for w in (one, other))
  assert want == got
