r"""Trains a network, or goes on where an earlier call was stopped or killed.

python -m experiments.train --config=configs/shapes.py --workdir=runs/shapes

The workdir gets config.json, metrics.jsonl, checkpoints/ and TensorBoard's
files. Exit status 0 means that the last step is done and saved; 143 and 130,
that SIGTERM or Ctrl-C stopped the run between two steps with its state saved.

On several processes (docs/scale.md), each gets the same command line, with
--distributed under SLURM, Open MPI, Kubernetes or on Cloud TPU, or with
--coordinator=HOST:PORT --num_processes=N --process_id=I.
"""

from collections.abc import Callable
import contextlib
import functools
import pathlib
import sys

from absl import flags
from flax import linen as nn
import jax
import ml_collections
import numpy as np
import optax

from experiments import build, cache, cli
from experiments import config as config_lib
from experiments import evaluation as evaluation_lib
from segjax.training import (
    checkpoint,
    distributed,
    hooks,
    loop,
    parallel,
    records,
    sharding,
    signals,
    writers,
)
from segjax.training import state as state_lib
from segjax.training import workdir as workdir_lib

FREE = (
    "checkpoint.",
    "dataset.data_dir",
    "dataset.prepare",
    "eval.",
    "log_every_steps",
    "mesh.",
    "num_threads",
    "profile.",
)
"""Keys that may differ when a run is resumed: its end does not depend on them.

(On another mesh, sums are taken in another order: equal to float tolerance.)
"""

config_lib.define_flags()
flags.DEFINE_string("workdir", None, "folder of the run", required=True)
flags.DEFINE_bool(
    "distributed", False, "be one of the processes that a launcher started"
)
flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0")
flags.DEFINE_integer("num_processes", None, "of this run, on all machines")
flags.DEFINE_integer("process_id", None, "of this one, counted from 0")


def main() -> None:
  """Trains as the flags say."""
  given = (
      flags.FLAGS.coordinator,
      flags.FLAGS.num_processes,
      flags.FLAGS.process_id,
  )
  if flags.FLAGS.distributed or any(value is not None for value in given):
    distributed.initialize(*given)
  cache.enable()
  with distributed.fail_fast(cli.report):
    train(config_lib.from_flags(), pathlib.Path(flags.FLAGS.workdir))


def train(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
  """Runs a config to its last step, from the last checkpoint on."""
  mesh = sharding.make_mesh(**config.mesh.to_dict())
  distributed.check_space(config.mesh.space)
  replicated = sharding.replicated(mesh)
  label_set = build.labels(config)
  model = build.model(config, len(label_set))
  tx, schedule = build.optimizer(config)
  train_step = jax.jit(
      build.train_step(
          config,
          parallel.spread(config.parallel, model, mesh),
          len(label_set),
          tx,
          schedule,
      ),
      donate_argnums=0,
      out_shardings=(replicated, replicated),
  )
  on_device = build.on_device(config)
  shape = _image_shape(config)
  if config.dataset.eval:
    build.source(config, config.dataset.eval)  # Now, not in an hour.
  with contextlib.ExitStack() as stack:
    if jax.process_index() == 0:
      stack.enter_context(workdir_lib.claim(workdir))
    _open_workdir(config, workdir)
    checkpoints = stack.enter_context(
        checkpoint.Checkpoints(workdir, keep=config.checkpoint.keep)
    )
    state = _restore_or_init(config, checkpoints, model, tx, shape, replicated)
    start = int(state.step)
    if start:
      _say(f"resuming {workdir} after step {start} of {config.total_steps}")
    rng = jax.jit(
        lambda: jax.random.key(config.seed), out_shardings=replicated
    )()
    stop = stack.enter_context(signals.Stop())
    board = None
    if jax.process_index() == 0:
      board = stack.enter_context(
          writers.TensorBoard(workdir / "tensorboard", start)
      )
    # Innermost: closing the checkpoints would wait for a process that is lost.
    stack.enter_context(distributed.fail_fast(cli.report))
    evaluation = functools.partial(
        evaluation_lib.evaluate, config, model, label_set, mesh, board, stop
    )
    state, complete = loop.train(
        state,
        build.train_batches(config, start=start),
        lambda state, batch: train_step(
            state, on_device(sharding.put_batch(batch, mesh)), rng
        ),
        total_steps=config.total_steps,
        workdir=workdir,
        hooks=_hooks(config, workdir, start, checkpoints, evaluation, board),
        stop=functools.partial(_stop_or_fail, stop, checkpoints),
    )
    checkpoints.save(state)
    checkpoints.wait()  # While signals still wait too.
  if not complete:
    _say(
        f"stopped by signal {stop.received} after step {int(state.step)}, saved"
        f" in {workdir}; the same command goes on from there"
    )
    sys.exit(128 + stop.received)
  _say(f"done: {config.total_steps} steps, in {workdir}")


def _open_workdir(
    config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> None:
  """Gives the folder its config.json, or checks that it is ours."""
  path, text = workdir / config_lib.FILE, config_lib.save(config)
  if path.exists():
    before = config_lib.read(workdir)
    changed = [
        key
        for key in config_lib.differences(before, config)
        if not key.startswith(FREE)
    ]
    if changed:
      raise ValueError(
          f"{workdir} was begun with another config; it differs in"
          f" {', '.join(changed)}. Take another --workdir, or the same values"
      )
  elif any((workdir / checkpoint.FOLDER).glob("[0-9]*")):
    raise ValueError(
        f"{workdir} has checkpoints but no {config_lib.FILE}, so nobody knows"
        " whether they are of this config. Put the file back or take another"
        " --workdir"
    )
  if jax.process_index() == 0 and not (
      path.exists() and path.read_text() == text
  ):
    records.replace_text(path, text)


def _stop_or_fail(
    stop: signals.Stop, checkpoints: checkpoint.Checkpoints, step: int
) -> bool:
  """Whether to stop; a checkpoint that could not be written is an error."""
  checkpoints.check()
  return stop(step)


def _restore_or_init(
    config: ml_collections.ConfigDict,
    checkpoints: checkpoint.Checkpoints,
    model: nn.Module,
    tx: optax.GradientTransformation,
    shape: tuple[int, ...],
    where: jax.sharding.Sharding,
) -> state_lib.TrainState:
  options = dict(ema=config.ema_decay > 0, sharding=where)
  state = checkpoints.restore(
      state_lib.abstract_state(model, tx, shape, **options)
  )
  if state is not None:
    return state
  rng = jax.random.key(config.seed)
  state = state_lib.init_state(model, tx, rng, shape, **options)
  if config.pretrained.source or config.pretrained.run:
    from experiments import warm_start  # Most runs do without `convert`.

    state = warm_start.warm_start(state, **config.pretrained.to_dict())
  return state


def _image_shape(config: ml_collections.ConfigDict) -> tuple[int, ...]:
  """Of one training image, which some networks' depth depends on."""
  example = build.source(config, config.dataset.train)[0]
  example = build.augment(config)(np.random.default_rng(0), example)
  return (1, *example["image"].shape)


def _hooks(
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    start: int,
    checkpoints: checkpoint.Checkpoints,
    evaluation: Callable[[state_lib.TrainState], hooks.Values],
    board: writers.TensorBoard | None,
) -> list[loop.Hook]:
  total, size = config.total_steps, config.batch_size
  recorded, outputs = records.Records(workdir), []
  if jax.process_index() == 0:
    recorded.truncate(start)
    outputs = [recorded, board, writers.Console(total, size)]
  every = config.eval.every_steps if config.dataset.eval else 0
  evaluate_hook = hooks.Evaluate(every, total, evaluation, outputs, recorded)
  profile = config.profile
  return [
      hooks.Profile(profile.first, profile.last, workdir / "profile"),
      hooks.Log(config.log_every_steps, total, size, outputs),
      hooks.Save(
          config.checkpoint.every_steps, total, checkpoints, evaluate_hook
      ),
      evaluate_hook,
  ]


def _say(text: str) -> None:
  if jax.process_index() == 0:
    print(text, flush=True)


if __name__ == "__main__":
  cli.run(main)
