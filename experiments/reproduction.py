"""What `experiments.reproduce` does for a row."""

from collections.abc import Sequence
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import (
    build,
    converted,
    machine,
    results_data,
    rows,
    timing,
    trained,
)
from experiments import config as config_lib
from segjax.layers import fold
from segjax.training import records

SECONDS = "seconds.json"
"""In the workdir: how long each call of `train` took."""

SOURCES = ("segjax", "experiments", "configs")
"""Folders whose files decide what a row is."""

_REPETITIONS = 5


def reproduce(
    row: rows.Row, *, data_dir: str, runs: str, output: str
) -> pathlib.Path:
  """Trains and evaluates a row; its file.

  Raises:
    ValueError: a command failed, which has said why.
  """
  path = pathlib.Path(output) / f"{row.name}.json"
  if row.program:
    (command,) = rows.commands(row, data_dir=data_dir, output=output)
    _call(command)
    return path
  state = version()
  workdir = pathlib.Path(runs) / row.name
  before, train, *evaluations = _split(row, runs, data_dir)
  for command in before:
    if not _is_done(command):
      _call(command)
  _timed(train, workdir / SECONDS)
  found = {}
  for (words, evaluation), command in zip(
      row.evaluations.items(), evaluations, strict=True
  ):
    _call(command)
    folder = evaluation.workdir.format(runs=runs, row=row.name)
    file = pathlib.Path(folder) / evaluation.file
    found[words] = json.loads(file.read_text())
  report = _report(row, workdir, found, state)
  path.parent.mkdir(parents=True, exist_ok=True)
  records.replace_text(path, json.dumps(report, indent=1) + "\n")
  return path


def version() -> dict[str, Any]:
  """The commit, and whether files of `SOURCES` differ from it."""

  def git(*arguments):
    root = pathlib.Path(__file__).parent.parent
    return subprocess.run(
        ["git", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

  try:
    changes = git("status", "--porcelain", "--", *SOURCES)
    return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changes)}
  except (OSError, subprocess.CalledProcessError):
    return {"commit": None, "dirty": None}


def curves(workdir: pathlib.Path) -> dict[str, list[tuple[int, float]]]:
  """The loss, and the figures of each evaluation, by step."""
  found = {}
  for line in (workdir / "metrics.jsonl").read_text().splitlines():
    values = json.loads(line)
    step = values.pop("step")
    for name, value in values.items():
      wanted = name == "loss" or name.startswith("eval/")
      if wanted and "/iou/" not in name and isinstance(value, (int, float)):
        found.setdefault(name, []).append((step, value))
  return found


def forward(workdir: pathlib.Path) -> dict[str, Any]:
  """Parameters, operations and time of a run's network on one image.

  The image has the size at which the first one of the evaluation split is
  shown; BatchNorm is folded.
  """
  run = trained.load(workdir, "best")
  config = run.config
  scale, multiple = config.eval.scales[0], config.eval.multiple
  label = build.source(config, config.dataset.eval)[0]["label"]
  height, width = (
      -(-round(scale * n) // multiple) * multiple for n in label.shape
  )
  image = np.random.default_rng(0).integers(0, 256, (1, height, width, 3))
  image = jax.device_put(image.astype(np.uint8))
  size = trained.image_size(config)
  model, variables = fold.fold(run.model, run.variables, (1, *size, 3))

  def classes(variables, image):
    image = run.preprocess(image).astype(jnp.float32)
    logits = model.apply(variables, image, train=False)["logits"]
    return jnp.argmax(logits, -1)

  compiled = jax.jit(classes).lower(variables, image).compile()
  call = lambda: jax.block_until_ready(compiled(variables, image))
  times = timing.alternate({"ours": call}, _REPETITIONS)["ours"]
  params = jax.tree.leaves(run.variables["params"])
  return {
      "parameters": sum(x.size for x in params),
      "gflops": timing.analysis(compiled)["flops"] / 1e9,
      "shown_size": [height, width],
      "images_per_second": timing.summary(times, 1)["images_per_second"],
  }


def _report(row, workdir, evaluations, state) -> dict[str, Any]:
  config = json.loads(config_lib.save(config_lib.read(workdir)))
  cores = len(getattr(os, "sched_getaffinity", lambda _: [0])(0))
  about = machine.about("experiments.reproduce", cores)
  seconds = json.loads((workdir / SECONDS).read_text())
  return {
      "row": row.name,
      "table": row.table,
      "network": row.network,
      "size": row.size,
      "paper": row.paper,
      **about,
      "command": rows.command(row),
      "commands": [" ".join(_quoted(c)) for c in rows.commands(row)],
      **state,
      "seed": config["seed"],
      "config": config,
      "config_sha256": results_data.config_hash(config),
      **forward(workdir),
      "images_seen": config["total_steps"] * config["batch_size"],
      "seconds": sum(seconds),
      "calls_of_train": len(seconds),
      "curves": curves(workdir),
      "evaluations": evaluations,
  }


def _split(row, runs, data_dir):
  commands = rows.commands(row, runs=runs, data_dir=data_dir)
  count = len(row.before)
  return [commands[:count], *commands[count:]]


def _is_done(command: Sequence[str]) -> bool:
  """Whether an earlier call, of a row that was stopped, has converted this."""
  places = [x.removeprefix("--output=") for x in command if "--output=" in x]
  return "experiments.convert" in command and any(map(converted.is_one, places))


def _timed(command: Sequence[str], path: pathlib.Path) -> None:
  """Calls a command and adds its time to those in a file."""
  before = json.loads(path.read_text()) if path.exists() else []
  start = time.perf_counter()
  try:
    _call(command)
  finally:
    if path.parent.is_dir():
      seconds = round(time.perf_counter() - start, 1)
      records.replace_text(path, json.dumps([*before, seconds]) + "\n")


def _call(command: Sequence[str]) -> None:
  print("$", " ".join(_quoted(command)), flush=True)
  done = subprocess.run([sys.executable, *command[1:]], check=False)
  if done.returncode:
    raise ValueError(
        f"`{' '.join(_quoted(command))}` ended with status {done.returncode}"
    )


def _quoted(command: Sequence[str]) -> list[str]:
  """As a shell reads it."""
  return [f"'{part}'" if " " in part else part for part in command]
