"""Seconds until a program of ours works: for `experiments.benchmark_startup`."""

from collections.abc import Sequence
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import jax
import numpy as np

from experiments import build, cache
from segjax.training import state as state_lib

MODULES = (
    "jax",
    "segjax.models.deeplab_v3",
    "segjax.convert",
    "segjax.training.step",
    "segjax.data",
    "experiments.predict",
    "experiments.train",
)


def imports(
    repetitions: int, modules: Sequence[str] = MODULES
) -> dict[str, dict[str, float]]:
  """Seconds to import each in a new interpreter.

  The modules take turns, so that a busy machine is busy for all.
  """
  times = {module: [] for module in modules}
  for _ in range(repetitions):
    for module in modules:
      code = (
          "import time; start = time.perf_counter(); import"
          f" {module}; print(time.perf_counter() - start)"
      )
      times[module].append(float(_python(code)))
  return {
      module: {"min": min(t), "median": statistics.median(t)}
      for module, t in times.items()
  }


def starts(config: str) -> dict[str, dict[str, float]]:
  """Seconds of `phases` in a first start, and in one that finds its programs.

  Args:
    config: of the folder configs, with its argument: "shapes:smoke".
  """
  with tempfile.TemporaryDirectory() as folder:
    environment = os.environ | {"XDG_CACHE_HOME": folder}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    return {
        name: json.loads(
            _python(
                "from experiments import measure_startup; measure_startup"
                f".worker({config!r}, {time.time()!r})",
                environment,
            )
        )
        for name in ("first", "again")
    }


def worker(config: str, began: float) -> None:
  """Prints the `phases` of this process."""
  print(json.dumps(phases(config, began)))


def phases(config: str, began: float) -> dict[str, float]:
  """What this process has done since `time.time()` was `began`, in seconds.

  "import" until here; "build" makes the objects of the config; "init" compiles
  and draws the weights; "step" compiles and does the first step of training;
  "total" is all of these; and "next" is another step. Data are random.
  """
  marks = [began, time.time()]

  def mark():
    marks.append(time.time())

  cache.enable()
  name, _, argument = config.partition(":")
  config = importlib.import_module(f"configs.{name}").get_config(argument)
  classes = len(build.labels(config))
  model = build.model(config, classes)
  tx, schedule = build.optimizer(config)
  train_step = jax.jit(
      build.train_step(config, model, classes, tx, schedule), donate_argnums=0
  )
  mark()
  size = tuple(config.augment.crop or (65, 65))
  rng = jax.random.key(config.seed)
  state = state_lib.init_state(
      model, tx, rng, (1, *size, 3), ema=config.ema_decay > 0
  )
  jax.block_until_ready(state)
  mark()
  draw = np.random.default_rng(0).integers
  batch = {
      "image": draw(0, 256, (config.batch_size, *size, 3), np.uint8),
      "label": draw(0, classes, (config.batch_size, *size), np.uint8),
  }
  for _ in range(2):
    state, metrics = train_step(state, batch, rng)
    jax.block_until_ready(metrics)
    mark()
  seconds = np.diff(marks).tolist()
  names = ("import", "build", "init", "step", "next")
  return dict(zip(names, seconds)) | {"total": sum(seconds[:-1])}


def _python(code: str, environment: dict[str, str] | None = None) -> str:
  done = subprocess.run(
      [sys.executable, "-c", code],
      env=environment,
      capture_output=True,
      text=True,
  )
  if done.returncode:
    raise ValueError(f"{code!r} failed: {done.stderr.strip()[-500:]}")
  return done.stdout
