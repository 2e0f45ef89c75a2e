"""Checkpoints of a run: saved while it goes on, last and best kept.

Orbax writes each into a temporary folder and renames it when it is whole, so
there is no moment at which a kill leaves half a checkpoint behind under its
final name.
"""

from collections.abc import Mapping, Sequence
import os
import pathlib
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from orbax import checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from segjax import types
from segjax.training import records as records_lib
from segjax.training import state as state_lib

FOLDER = "checkpoints"
SCORE = "eval/miou"
"""The record that decides which checkpoint is best; more is better."""


class MismatchError(ValueError):
  """The checkpoint is of another model or of another optimiser."""


class Checkpoints:
  """Saves and restores the train states of one run.

  A context manager: leaving it waits until everything is on disk.

  Args:
    workdir: of the run; the states go to its folder `checkpoints`, one per
      step. Which is best is read from the run's metrics.jsonl.
    keep: how many of the latest are kept, beside the best.
  """

  def __init__(self, workdir: str | os.PathLike[str], *, keep: int = 2):
    self._workdir = pathlib.Path(workdir).absolute()
    latest = checkpoint_managers.LatestN(keep)
    policy = [latest, _Best(self._workdir)]
    self._manager = ocp.CheckpointManager(
        self._workdir / FOLDER,
        item_handlers=ocp.PyTreeCheckpointHandler(),
        options=ocp.CheckpointManagerOptions(
            preservation_policy=checkpoint_managers.AnyPreservationPolicy(
                policy
            ),
            cleanup_tmp_directories=True,
        ),
    )

  def save(self, state: state_lib.TrainState) -> None:
    """Copies the state off the devices and writes it in the background.

    A step that is saved already is not saved again.
    """
    step = int(state.step)
    if step not in self._manager.all_steps():
      self._manager.save(step, args=ocp.args.PyTreeSave(state))

  def restore(self, like: state_lib.TrainState) -> state_lib.TrainState | None:
    """The latest state that is whole, or None if there is none.

    A damaged checkpoint is reported, moved aside into `workdir`/damaged, and
    the one before it is tried.

    Args:
      like: the shapes, types and shardings wanted (`state.abstract_state`);
        the checkpoint may come from another number of devices.

    Raises:
      MismatchError: the checkpoint has other leaves or shapes.
    """
    for step in sorted(self._manager.all_steps(), reverse=True):
      try:
        saved = self._manager.item_metadata(step).tree
        _check(saved, like, f"{self._workdir / FOLDER / str(step)}")
        return self._manager.restore(
            step,
            args=ocp.args.PyTreeRestore(
                like,
                restore_args=ocp.checkpoint_utils.construct_restore_args(like),
            ),
        )
      except MismatchError:
        raise
      except Exception as error:  # Damage shows as any error of the readers.
        self._set_aside(step, error)
    return None

  def wait(self) -> None:
    """Returns when everything saved is on disk."""
    self._manager.wait_until_finished()

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    self._manager.close()

  def _set_aside(self, step: int, error: Exception) -> None:
    aside = self._workdir / "damaged" / str(step)
    print(
        f"warning: the checkpoint of step {step} is damaged"
        f" ({type(error).__name__}: {_first_line(error)}); moved to {aside},"
        " trying the one before",
        file=sys.stderr,
    )
    if jax.process_index() == 0:
      aside.parent.mkdir(exist_ok=True)
      while aside.exists():
        aside = aside.with_name(aside.name + "_")
      (self._workdir / FOLDER / str(step)).rename(aside)
    self._manager.reload()


def restore_variables(
    workdir: str | os.PathLike[str],
    which: str | int = "best",
    *,
    like: types.Variables | None = None,
    averaged: bool = True,
) -> dict[str, Any]:
  """The `params` and `batch_stats` of a run, as numpy arrays.

  Args:
    workdir: of the run.
    which: "best" by mIoU in the evaluations during training (the last, if
      there were none), "last", or a step.
    like: what `model.init` gives, or its shapes, to compare with.
    averaged: where the run kept moving averages (EMA), take these.

  Raises:
    FileNotFoundError: there is no such folder, or no checkpoint in it.
    ValueError: there is no checkpoint of this step, or it is damaged.
    MismatchError: the leaves or shapes are not those of `like`.
  """
  step = find_step(workdir, which)
  folder = pathlib.Path(workdir).absolute() / FOLDER / str(step)
  try:
    return _read_variables(folder, like, averaged)
  except MismatchError:
    raise
  except Exception as error:  # Damage shows as any error of the readers.
    raise ValueError(
        f"the checkpoint {folder} is damaged ({type(error).__name__}:"
        f" {_first_line(error)})"
    ) from error


def _read_variables(
    folder: pathlib.Path, like: types.Variables | None, averaged: bool
) -> dict[str, Any]:
  handler = ocp.CompositeCheckpointHandler(
      default=ocp.PyTreeCheckpointHandler()
  )
  with ocp.Checkpointer(handler) as checkpointer:
    saved = checkpointer.metadata(folder).item_metadata["default"].tree
    if averaged and saved.get("ema"):
      wanted = {"ema": saved["ema"]}
    else:
      wanted = {name: saved[name] for name in ("params", "batch_stats")}
    if like is not None:
      like = {name: like.get(name, {}) for name in ("params", "batch_stats")}
      _check(wanted.get("ema", wanted), like, str(folder))
    numpy = ocp.RestoreArgs(restore_type=np.ndarray)
    restore = ocp.args.PyTreeRestore(
        wanted,
        restore_args=jax.tree.map(lambda _: numpy, wanted),
        partial_restore=True,
    )
    restored = checkpointer.restore(
        folder, args=ocp.args.Composite(default=restore)
    )["default"]
  return _cast(restored.get("ema", restored), np.float32)


def save_variables(
    workdir: str | os.PathLike[str],
    step: int,
    variables: types.Variables,
    dtype: str = "float32",
) -> None:
  """Writes weights alone, as `restore_variables` reads them.

  Args:
    workdir: where `checkpoints` with this step is made.
    step: that the weights are of.
    variables: `params`, and `batch_stats` if there are any.
    dtype: of the params in the file, such as "bfloat16"; the running
      statistics stay as they are.
  """
  tree = {
      "params": _cast(variables["params"], jnp.dtype(dtype)),
      "batch_stats": variables.get("batch_stats", {}),
  }
  folder = pathlib.Path(workdir).absolute() / FOLDER / str(step)
  handler = ocp.CompositeCheckpointHandler(
      default=ocp.PyTreeCheckpointHandler()
  )
  with ocp.Checkpointer(handler) as checkpointer:
    save = ocp.args.PyTreeSave(tree)
    checkpointer.save(folder, args=ocp.args.Composite(default=save))


def find_step(
    workdir: str | os.PathLike[str], which: str | int = "best"
) -> int:
  """The step that `which` ("best", "last" or a step) stands for.

  Raises: as `restore_variables`.
  """
  workdir = pathlib.Path(workdir).absolute()
  if not workdir.is_dir():
    raise FileNotFoundError(f"there is no workdir {workdir}")
  folder = workdir / FOLDER
  steps = ocp.utils.checkpoint_steps(folder) if folder.is_dir() else []
  if not steps:
    raise FileNotFoundError(f"{workdir} has no checkpoint (in {FOLDER}/)")
  if which == "last":
    return max(steps)
  if which == "best":
    return best_step(records_lib.Records(workdir).scores(SCORE), steps)
  if str(which).isdecimal() and int(which) in steps:
    return int(which)
  raise ValueError(
      f"{workdir} has no checkpoint {which!r}; there are"
      f" {', '.join(map(str, sorted(steps)))}, 'best' and 'last'"
  )


def best_step(scores: Mapping[int, float], steps: Sequence[int]) -> int:
  """The earliest of the best-scored steps; the last one if none has a score."""
  scored = [step for step in steps if step in scores]
  if not scored:
    return max(steps)
  return max(scored, key=lambda step: (scores[step], -step))


class _Best:
  """An Orbax policy that preserves the best checkpoint."""

  def __init__(self, workdir: pathlib.Path):
    self._records = records_lib.Records(workdir)

  def should_preserve(self, checkpoints, *, context):
    del context
    steps = [checkpoint.step for checkpoint in checkpoints]
    if not steps:
      return []
    best = best_step(self._records.scores(SCORE), steps)
    return [step == best for step in steps]


def _check(saved: Any, wanted: Any, where: str) -> None:
  """Compares the leaves' paths and shapes."""
  saved, wanted = _shapes(saved), _shapes(wanted)
  differences = [
      f"{path}: saved {saved.get(path, 'not')}, wanted"
      f" {wanted.get(path, 'not')}"
      for path in sorted(saved.keys() | wanted.keys())
      if saved.get(path) != wanted.get(path)
  ]
  if differences:
    more = len(differences) - 3
    raise MismatchError(
        f"{where} is of another model or optimizer: "
        + "; ".join(differences[:3])
        + (f"; and {more} more" if more > 0 else "")
    )


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
  return {
      jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape)
      for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def _cast(tree: Any, dtype: Any) -> Any:
  return jax.tree.map(lambda x: np.asarray(x).astype(dtype), tree)


def _first_line(error: Exception) -> str:
  return (str(error).splitlines() or [""])[0][:200]
