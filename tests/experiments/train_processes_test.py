"""The train binary on two processes, one of which is killed, then stopped."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from segjax.training import checkpoint

ROOT = pathlib.Path(__file__).parents[2]
RECIPE = (
    "--config=configs/shapes.py:smoke",
    "--config.total_steps=16",
    "--config.batch_size=4",
    "--config.checkpoint.every_steps=4",
    "--config.eval.every_steps=8",
    "--config.eval.batch_size=4",
    "--config.optimizer.name=sgd",
)
MINUTE = 60


def start(folder, name, count, *, devices=1):
  """As many processes; without a place to meet, if it is one."""
  with socket.socket() as one:
    one.bind(("127.0.0.1", 0))
    port = one.getsockname()[1]
  environment = os.environ | {
      "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
      "JAX_PLATFORMS": "cpu",
      "NPROC": "4",  # The same number of threads, whatever the devices.
      "XLA_FLAGS": (
          f"--xla_force_host_platform_device_count={devices}"
          " --xla_backend_optimization_level=0"
      ),
  }
  command = [
      *(sys.executable, "-m", "experiments.train", *RECIPE),
      f"--workdir={folder / name}",
      f"--config.dataset.data_dir={folder / 'data'}",
  ]
  if count > 1:
    command += [f"--coordinator=127.0.0.1:{port}", f"--num_processes={count}"]
  return [
      subprocess.Popen(
          [*command, *([f"--process_id={i}"] if count > 1 else [])],
          cwd=ROOT,
          env=environment,
          text=True,
          stdout=subprocess.PIPE,
          stderr=subprocess.PIPE,
      )
      for i in range(count)
  ]


def disturb_second(processes, number, step):
  """Sends the second process a signal once the first has done a step."""
  first, second = processes
  for line in first.stdout:
    if line.startswith(f"step {step}/"):
      break
  second.send_signal(number)
  since = time.monotonic()
  (out, err), _ = (process.communicate(timeout=300) for process in processes)
  return out, err, time.monotonic() - since


@pytest.mark.heavy
def test_two_processes_killed_and_stopped_end_as_one_that_was_not(tmp_path):
  """And the last part is done by one process with both devices.

  That the end is the same to the last bit says so of every step and
  evaluation that two processes made.
  """
  (whole,) = start(tmp_path, "whole", 1, devices=2)
  out, err = whole.communicate()
  assert whole.returncode == 0, err

  processes = start(tmp_path, "broken", 2)
  out, err, seconds = disturb_second(processes, signal.SIGKILL, 6)
  assert [p.returncode for p in processes] == [1, -signal.SIGKILL], err
  assert "error: process 0 of 2: another process of this run has ended" in err
  assert seconds < MINUTE

  processes = start(tmp_path, "broken", 2)
  out, err, seconds = disturb_second(processes, signal.SIGTERM, 9)
  assert [p.returncode for p in processes] == [143, 143], err
  folder = tmp_path / "broken" / checkpoint.FOLDER
  last = max(int(path.name) for path in folder.iterdir())
  assert 9 < last < 16
  assert f"stopped by signal 15 after step {last}, saved" in out

  (alone,) = start(tmp_path, "broken", 1, devices=2)
  out, err = alone.communicate()
  assert alone.returncode == 0, err
  assert f"after step {last} of 16" in out
  one, other = (
      (tmp_path / name / "metrics.jsonl").read_bytes()
      for name in ("whole", "broken")
  )
  assert one == other
  one, other = (
      jax.tree.leaves(checkpoint.restore_variables(tmp_path / name, "last"))
      for name in ("whole", "broken")
  )
  for a, b in zip(one, other, strict=True):
    np.testing.assert_array_equal(a, b)
