"""The train binary: exact resume after real kills, and errors in one line."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from segjax.training import checkpoint

ROOT = pathlib.Path(__file__).parents[2]
STEPS = 60
RECIPE = (
    "--config=configs/shapes.py:smoke",
    f"--config.total_steps={STEPS}",
    "--config.checkpoint.every_steps=4",
    "--config.eval.every_steps=20",
    "--config.optimizer.name=sgd",
    "--config.ema_decay=0.9",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Prepared data, compiled programs and the run that nobody disturbed."""
  folder = tmp_path_factory.mktemp("train")
  done = start(folder, "whole").communicate()
  assert "done: 60 steps" in done[0], done
  return folder


def start(folder, name, *flags, recipe=RECIPE, devices=1):
  environment = os.environ | {
      "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
      "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
      "JAX_PLATFORMS": "cpu",
      "XLA_FLAGS": (
          f"--xla_force_host_platform_device_count={devices}"
          " --xla_backend_optimization_level=0"
      ),
  }
  return subprocess.Popen(
      [
          *(sys.executable, "-m", "experiments.train", *recipe),
          f"--workdir={folder / name}",
          f"--config.dataset.data_dir={folder / 'data'}",
          *flags,
      ],
      cwd=ROOT,
      env=environment,
      text=True,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
  )


def disturb(process, number, steps, delay):
  """Sends a signal some time after so many lines about steps."""
  for line in process.stdout:
    steps -= line.startswith("step ")
    if steps <= 0:
      break
  time.sleep(delay)
  process.send_signal(number)
  process.communicate()
  return process.returncode


def final_state(folder, name):
  import orbax.checkpoint as ocp

  with ocp.PyTreeCheckpointer() as checkpointer:
    path = folder / name / checkpoint.FOLDER / str(STEPS) / "default"
    restore = ocp.RestoreArgs(restore_type=np.ndarray)
    tree = checkpointer.metadata(path).item_metadata.tree
    restore = jax.tree.map(lambda _: restore, tree)
    return checkpointer.restore(path, restore_args=restore)


def recorded(workdir):
  lines = (workdir / "metrics.jsonl").read_text().splitlines()
  return [json.loads(line) for line in lines]


def compare(one, other, **tolerance):
  assert jax.tree.structure(one) == jax.tree.structure(other)
  for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other)):
    np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.heavy
def test_a_run_killed_again_and_again_ends_as_one_that_was_not(folder):
  """To the last bit: weights, statistics, momentum, averages, metrics.jsonl."""
  seed = random.randrange(10**6)
  draw = random.Random(seed)
  for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
    process = start(folder, "killed")
    status = disturb(process, number, draw.randint(1, 8), draw.uniform(0, 0.05))
    expected = 143 if number == signal.SIGTERM else -signal.SIGKILL
    assert status == expected, f"seed {seed}"
  out, err = start(folder, "killed").communicate()
  assert "resuming" in out, (seed, out, err)
  for name in ("whole", "killed"):
    steps = [record["step"] for record in recorded(folder / name)]
    assert steps == [*range(1, STEPS + 1)]
  one, other = (folder / name / "metrics.jsonl" for name in ("whole", "killed"))
  assert one.read_bytes() == other.read_bytes(), f"seed {seed}"
  states = final_state(folder, "whole"), final_state(folder, "killed")
  compare(*states, rtol=0, atol=0)


@pytest.mark.heavy
def test_a_run_may_go_on_with_another_number_of_devices(folder):
  """Equal to float tolerance, which grows with the steps done since."""
  process = start(folder, "moved")
  assert disturb(process, signal.SIGTERM, 50, 0.0) == 143
  since = max(int(p.name) for p in (folder / "moved/checkpoints").iterdir())
  out, err = start(folder, "moved", devices=2).communicate()
  assert "done: 60 steps" in out, err
  want, got = (
      [record["loss"] for record in recorded(folder / name)]
      for name in ("whole", "moved")
  )
  assert want[:since] == got[:since]
  np.testing.assert_allclose(got[since], want[since], rtol=1e-5)
  np.testing.assert_allclose(got, want, rtol=1e-3)
  want, got = (final_state(folder, name) for name in ("whole", "moved"))
  compare(got["params"], want["params"], rtol=1e-2, atol=1e-3)


def test_a_run_leaves_its_config_numbers_and_best_checkpoint(folder):
  workdir = folder / "whole"
  config = json.loads((workdir / "config.json").read_text())
  assert config["total_steps"] == STEPS
  records = recorded(workdir)
  scores = {r["step"]: r["eval/miou"] for r in records if "eval/miou" in r}
  assert sorted(scores) == [20, 40, 60]
  assert scores[checkpoint.find_step(workdir)] == max(scores.values())
  assert {"loss", "grad_norm", "learning_rate"} <= set(records[0])
  assert list((workdir / "tensorboard").iterdir())


def test_a_finished_run_has_nothing_to_do(folder):
  before = (folder / "whole" / "metrics.jsonl").read_bytes()
  process = start(folder, "whole")
  out, err = process.communicate()
  assert process.returncode == 0, err
  assert "done: 60 steps" in out
  assert (folder / "whole" / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    "flags, message",
    (
        (["--config.batchsize=3"], "did you mean batch_size?"),
        (["--config.seed=1"], "begun with another config; it differs in seed"),
        (["--config.dataset.eval=val"], "has no split 'val'"),
        (["surplus"], "every argument is a --flag"),
    ),
)
def test_a_mistake_is_one_line_and_a_status(folder, flags, message):
  process = start(folder, "whole", *flags)
  out, err = process.communicate()
  assert process.returncode == 1
  assert err.startswith("error: ")
  assert len(err.splitlines()) == 1
  assert message in err
  assert not out


def test_data_that_are_not_prepared_are_an_error_with_the_command(tmp_path):
  recipe = ["--config=configs/shapes.py"]
  process = start(tmp_path, "run", recipe=recipe)
  _, err = process.communicate()
  assert process.returncode == 1
  assert "python -m experiments.prepare --dataset=shapes" in err
  assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_ends_the_run_with_its_step(folder):
  shutil.rmtree(folder / "nan", ignore_errors=True)
  process = start(folder, "nan", "--config.schedule.peak=1e20")
  _, err = process.communicate()
  assert process.returncode == 1
  assert err.startswith("error: step ")
  assert len(err.splitlines()) == 1
  (batch,) = (folder / "nan").glob("bad_batch_*_0.npz")
  assert str(batch) in err
  assert np.load(batch)["image"].shape == (2, 65, 65, 3)
