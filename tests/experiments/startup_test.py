"""A start loads what it needs, compiles once, and reuses its buffers."""

import json
import os
import re
import subprocess
import sys
import time

import jax
import pytest

from configs import shapes
from experiments import build, measure_startup
from segjax.training import state as state_lib
from tests.experiments.running import ROOT

SLOW = {
    "array_record", "cv2", "grain", "matplotlib", "orbax", "pandas", "PIL",
    "scipy", "tensorboard", "tensorflow", "tensorflow_datasets", "torch",
}  # fmt: skip

IMPORTS = {
    "segjax": set(),
    "segjax.models": set(),
    "segjax.models.deeplab_v3": set(),
    "segjax.losses": set(),
    "segjax.metrics": {"cv2"},
    "segjax.training.step": set(),
    "segjax.convert": set(),
    "segjax.data": {"array_record", "cv2", "grain", "orbax"},
    "experiments.build": {"array_record", "cv2", "grain", "orbax"},
}
"""A module -> the slow packages that it may import."""


def test_modules_import_no_slow_package_that_they_do_not_need():
  """Each in a fork of one interpreter, which has imported jax."""
  code = f"""
import json, os, sys
import jax, flax, optax
for module in {list(IMPORTS)!r}:
  if not os.fork():
    __import__(module)
    print(json.dumps([module, sorted({SLOW!r} & set(sys.modules))]), flush=True)
    os._exit(0)
  assert not os.wait()[1], module
"""
  done = subprocess.run(
      [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
  )
  assert not done.returncode, done.stderr
  found = dict(map(json.loads, done.stdout.splitlines()))
  assert set(found) == set(IMPORTS)
  for module, packages in found.items():
    assert set(packages) <= IMPORTS[module], module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Of two starts of training, of which the second finds programs."""
  folder = tmp_path_factory.mktemp("starts")
  for name in ("first", "again"):
    environment = os.environ | {
        "XDG_CACHE_HOME": str(folder / "home"),
        "JAX_LOG_COMPILES": "1",
        "XLA_FLAGS": f"--xla_dump_to={folder / name} --xla_dump_hlo_as_text"
        " --xla_dump_hlo_module_re=.*train_step --xla_backend_optimization_le"
        "vel=0",
    }
    for variable in (
        "JAX_COMPILATION_CACHE_DIR",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
    ):
      environment.pop(variable, None)
    command = [sys.executable, "-m", "experiments.train"]
    done = subprocess.run(
        [
            *command,
            "--config=configs/shapes.py:smoke",
            f"--workdir={folder / name / 'run'}",
            f"--config.dataset.data_dir={folder / 'data'}",
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    (folder / f"{name}.log").write_text(done.stderr)
  return folder


def test_a_second_start_finds_the_programs_of_the_first(folder):
  """In the user's own cache folder, which nobody has to ask for."""
  hit = r"[Cc]ache hit for '(\w+)'"
  assert not re.findall(hit, (folder / "first.log").read_text())
  hits = set(re.findall(hit, (folder / "again.log").read_text()))
  assert {"jit_train_step", "jit__init"} <= hits
  assert any((folder / "home" / "segjax" / "compiled").iterdir())


def test_the_new_state_takes_the_place_of_the_old(folder):
  """Every leaf of it, in the program that the binary has compiled."""
  (path,) = (folder / "first").glob("*train_step*after_optimizations.txt")
  (aliases,) = re.findall(
      r"input_output_alias=\{ (.*?) \}, entry", path.read_text()
  )
  pairs = re.findall(r"\{(\d+)\}: \((\d+), \{\}", aliases)
  config = shapes.get_config("smoke")
  model = build.model(config, len(build.labels(config)))
  tx, _ = build.optimizer(config)
  state = state_lib.abstract_state(model, tx, (1, *config.augment.crop, 3))
  count = len(jax.tree.leaves(state))
  assert count > 50
  assert pairs[:count] == [(str(i), str(i)) for i in range(count)]


def test_the_parts_of_a_start_are_measured():
  parts = measure_startup.phases("shapes:smoke", time.time() - 5)
  assert list(parts) == ["import", "build", "init", "step", "next", "total"]
  assert parts["import"] > 5
  assert parts["next"] < parts["step"] < parts["total"]


def test_imports_are_timed_and_a_start_that_fails_says_why():
  (times,) = measure_startup.imports(1, ["json"]).values()
  assert 0 < times["min"] == times["median"] < 10
  with pytest.raises(ValueError, match=r"No module named 'configs\.nowhere'"):
    measure_startup.starts("nowhere")
