"""Several processes: how they find each other, and that they are one run."""

import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

from segjax.training import distributed

WORKER = """
import functools, sys
import jax, numpy as np
from segjax.training import (
    distributed, evaluate, sharding, signals, step)
from tests.training import tiny

folder, count, index, port = sys.argv[1], *map(int, sys.argv[2:])
if count > 1:
  distributed.initialize(f"127.0.0.1:{port}", count, index)
assert (jax.process_count(), jax.device_count()) == (count, 4)

mesh = sharding.make_mesh()
replicated = sharding.replicated(mesh)
rng = jax.jit(lambda: jax.random.key(0), out_shardings=replicated)()

def mine(batch):
  n = len(batch["image"]) // count
  return {k: v[index * n : (index + 1) * n] for k, v in batch.items()}

state, options = tiny.parts()
state = jax.tree.map(np.asarray, state)
step_fn = jax.jit(
    functools.partial(step.train_step, **options),
    out_shardings=(replicated, replicated))
for i in range(3):
  batch = sharding.put_batch(mine(tiny.batch(i, n=8)), mesh)
  state, metrics = step_fn(state, batch, rng)
results = {str(i): x for i, x in enumerate(tiny.leaves((state, metrics)))}

batch = tiny.batch(n=8) | {"valid": np.arange(8) < 7}
batch["size"] = np.tile(np.int32([8, 8]), (8, 1))
shown = []
counts = evaluate.evaluate(
    options["model"], state.variables, [mine(batch)], 3, preprocess=tiny.preprocess,
    mesh=mesh, show=lambda batch, p: shown.append(
        distributed.local_rows(p, len(batch["image"]))))
np.savez(f"{folder}/{count}_{index}.npz", counts=counts, **results)
np.save(f"{folder}/shown_{count}_{index}.npy", shown[0])

with signals.Stop() as stop:
  for now in range(6):
    # The sum keeps the processes together, as the metrics of a step do.
    jax.block_until_ready(step_fn(state, sharding.put_batch(
        mine(tiny.batch(0, n=8)), mesh), rng))
    if now == 2 and index == count - 1:
      stop.received = 15
    if stop(now):
      break
print("stopped", now, stop.received)
"""


def start(folder, count):
  with socket.socket() as one:
    one.bind(("127.0.0.1", 0))
    port = one.getsockname()[1]
  environment = os.environ | {
      "JAX_PLATFORMS": "cpu",
      "NPROC": "4",  # The same number of threads, whatever the devices.
      "PYTHONPATH": ".",
      "XLA_FLAGS": (
          f"--xla_force_host_platform_device_count={4 // count}"
          " --xla_backend_optimization_level=0"
      ),
  }
  return [
      subprocess.Popen(
          [sys.executable, "-c", WORKER, folder, *map(str, (count, i, port))],
          env=environment,
          cwd=pathlib.Path(__file__).parents[2],
          text=True,
          stdout=subprocess.PIPE,
      )
      for i in range(count)
  ]


@pytest.mark.heavy
def test_four_processes_compute_what_one_does_with_as_many_devices(tmp_path):
  """Three steps, an evaluation, and the agreement to stop."""
  (alone,) = start(tmp_path, 1)
  assert "stopped 2 15" in alone.communicate()[0]
  together = start(tmp_path, 4)
  said = [process.communicate()[0] for process in together]
  assert not any(process.returncode for process in together)
  assert all("stopped 4 15" in text for text in said), said
  want = np.load(tmp_path / "1_0.npz")
  for i in range(4):
    got = np.load(tmp_path / f"4_{i}.npz")
    assert got.files == want.files
    for name in got.files:
      np.testing.assert_allclose(
          got[name], want[name], rtol=1e-5, atol=1e-6, err_msg=name
      )
  np.testing.assert_array_equal(
      np.concatenate(
          [np.load(tmp_path / f"shown_4_{i}.npy") for i in range(4)]
      ),
      np.load(tmp_path / "shown_1_0.npy"),
  )


def test_no_launcher_is_an_error_that_names_the_flags(monkeypatch):
  for name in list(os.environ):
    if name.startswith(("JAX_NUM", "JAX_PROC", "SLURM", "OMPI", "KUBERNETES")):
      monkeypatch.delenv(name)
  binary = "from segjax.training import distributed; distributed.initialize()"
  done = subprocess.run(
      [sys.executable, "-c", binary],
      env=os.environ | {"JAX_PLATFORMS": "cpu"},
      capture_output=True,
      text=True,
      cwd=pathlib.Path(__file__).parents[2],
  )
  assert "no launcher of several processes is known" in done.stderr
  assert "--coordinator, --num_processes and --process_id" in done.stderr


def test_an_error_of_one_process_alone_stays_what_it_is():
  with (
      pytest.raises(ValueError, match="mine"),
      distributed.fail_fast(lambda error: None),
  ):
    raise ValueError("mine")
