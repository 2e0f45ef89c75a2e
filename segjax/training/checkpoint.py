"""Checkpoints of a run: saved while it goes on, last and best kept.

Orbax writes each into a temporary folder, which gets checksums and then its
final name when it is whole (`seal`): there is no moment at which a kill leaves
half a checkpoint under this name, and no bit that flips later goes unnoticed.
"""

from collections.abc import Iterator, Mapping
import contextlib
import errno
import os
import pathlib
import shutil
import sys

import jax
from jax.experimental import multihost_utils
import numpy as np
from orbax import checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from segjax.training import mismatch, quiet, seal, selection, weights
from segjax.training import state as state_lib

FOLDER, SCORE = selection.FOLDER, selection.SCORE
find_step, best_step = selection.find_step, selection.best_step
restore_variables = weights.restore_variables
save_variables = weights.save_variables
MismatchError, DamageError = mismatch.MismatchError, seal.DamageError
_REASONS = tuple(
    os.strerror(getattr(errno, name))
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EIO")
)


class SaveError(OSError):
  """A checkpoint could not be written; those before it are untouched."""


class Checkpoints:
  """Saves and restores the train states of one run.

  A context manager: leaving it waits until everything is on disk.

  Args:
    workdir: of the run; the states go to its folder `checkpoints`, one per
      step. Which is best is read from the run's metrics.jsonl.
    keep: how many of the latest are kept, beside the best.

  Raises:
    DamageError: no checkpoint is whole, and one cannot even be listed.
  """

  def __init__(self, workdir: str | os.PathLike[str], *, keep: int = 2):
    self._workdir = pathlib.Path(workdir).absolute()
    self._folder = self._workdir / FOLDER
    self._writing: int | None = None
    self._failed: int | None = None
    quiet.silence()
    try:
      self._manager = self._open(keep)
    except Exception:  # Orbax reads the metadata of all, whole or not.
      damaged, whole = self._damaged()
      if not damaged:
        raise
      self._set_aside(damaged, whole)
      self._manager = self._open(keep)

  def _open(self, keep: int) -> ocp.CheckpointManager:
    latest = checkpoint_managers.LatestN(keep)
    policy = [latest, selection.Best(self._workdir)]
    return ocp.CheckpointManager(
        self._folder,
        item_handlers=ocp.PyTreeCheckpointHandler(),
        options=ocp.CheckpointManagerOptions(
            preservation_policy=checkpoint_managers.AnyPreservationPolicy(
                policy
            ),
            cleanup_tmp_directories=True,
            temporary_path_class=seal.TemporaryPath,
        ),
    )

  def save(self, state: state_lib.TrainState) -> None:
    """Copies the state off the devices and writes it in the background.

    A step that is saved already is not saved again.

    Raises:
      SaveError: this state or the one before could not be written.
    """
    self.wait()
    step = int(state.step)
    if step not in self._manager.all_steps():
      with self._reporting(step):
        self._manager.save(
            step, args=ocp.args.PyTreeSave(state), custom_metadata=seal.NOTE
        )
      self._writing = step

  def check(self) -> None:
    """Raises SaveError if what was being written has failed; does not wait."""
    if jax.process_count() == 1 and not self._manager.is_saving_in_progress():
      self.wait()

  def restore(self, like: state_lib.TrainState) -> state_lib.TrainState | None:
    """The latest state that is whole, or None if there is no checkpoint.

    Where an earlier one is found instead of damaged ones, these are reported
    and moved aside into `workdir`/damaged.

    Args:
      like: the shapes, types and shardings wanted (`state.abstract_state`);
        the checkpoint may come from another number of devices.

    Raises:
      MismatchError: the checkpoint has other leaves or shapes.
      DamageError: all checkpoints are damaged; they stay where they are.
    """
    damaged = {}
    for step in sorted(self._manager.all_steps(), reverse=True):
      folder, sealed = self._folder / str(step), False
      try:
        sealed = _verify(folder)
        saved = self._manager.item_metadata(step).tree
        mismatch.check(saved, like, str(folder))
        state = self._manager.restore(
            step,
            args=ocp.args.PyTreeRestore(
                like,
                restore_args=ocp.checkpoint_utils.construct_restore_args(like),
            ),
        )
      except MismatchError:
        raise
      except Exception as error:  # Damage shows as any error of the readers.
        if sealed:
          raise  # The files are as written; it may be a lack of memory.
        damaged[step] = seal.describe(error)
      else:
        self._set_aside(damaged, step)
        self._manager.reload()
        return state
    if damaged:
      raise self._no_whole(damaged)
    return None

  def _damaged(self) -> tuple[dict[int, str], int]:
    """What is wrong with which step, and the latest step that is whole."""
    damaged, whole = {}, []
    steps = ocp.utils.checkpoint_steps(self._folder)
    for step in sorted(steps, reverse=True):
      try:
        _verify(self._folder / str(step))
        whole.append(step)
      except (OSError, DamageError) as error:
        damaged[step] = seal.describe(error)
    if damaged and not whole:
      raise self._no_whole(damaged)
    return damaged, max(whole, default=0)

  def _no_whole(self, damaged: Mapping[int, str]) -> DamageError:
    found = "; ".join(f"{step}: {error}" for step, error in damaged.items())
    return DamageError(
        f"every checkpoint in {self._folder} is damaged ({found}). Restore one"
        " from a copy, or take another --workdir to begin from the start"
    )

  def wait(self) -> None:
    """Returns when everything saved is on disk.

    Raises:
      SaveError: it could not be written.
    """
    step, self._writing = self._writing, None
    if step is not None:
      with self._reporting(step):
        self._manager.wait_until_finished()

  def __enter__(self):
    return self

  def __exit__(self, kind, error, trace):
    del kind, trace
    try:
      self.wait()
    except SaveError as failure:
      if error is None:
        raise
      print(f"warning: {failure}", file=sys.stderr)
    finally:
      self._close()

  def _close(self) -> None:
    if self._failed is None:
      self._manager.close()
      quiet.speak()
    else:  # The process is about to end; its threads may fail until then.
      with contextlib.suppress(Exception):  # The failure has been raised.
        self._manager.close()
      if jax.process_index() == 0:  # Half a state fills what room there is.
        for path in self._folder.glob(f"{self._failed}.*"):
          shutil.rmtree(path, ignore_errors=True)

  @contextlib.contextmanager
  def _reporting(self, step: int) -> Iterator[None]:
    """Turns what Orbax raises, in whatever thread, into one SaveError."""
    try:
      yield
    except Exception as error:  # A full disk shows as one of several types.
      there = ocp.utils.checkpoint_steps(self._folder)
      before = [other for other in there if other != step]
      self._failed = step
      raise SaveError(
          f"the checkpoint of step {step} could not be written to"
          f" {self._folder} ({_reason(error)}). "
          + (f"That of step {max(before)} is whole" if before else "None is")
          + ": make room and give the same command again"
      ) from error

  def _set_aside(self, damaged: Mapping[int, str], whole: int) -> None:
    if not damaged:
      return
    if jax.process_index() == 0:
      for step, error in damaged.items():
        aside = self._workdir / "damaged" / str(step)
        aside.parent.mkdir(exist_ok=True)
        while aside.exists():
          aside = aside.with_name(aside.name + "_")
        (self._folder / str(step)).rename(aside)
        print(
            f"warning: the checkpoint of step {step} is damaged ({error});"
            f" moved to {aside}, going on from that of step {whole}",
            file=sys.stderr,
        )
    if jax.process_count() > 1:
      multihost_utils.sync_global_devices("segjax/set_aside")


def _verify(folder: pathlib.Path) -> bool:
  """As `seal.check`; one process reads, all hear of it."""
  error, sealed = None, True
  if jax.process_index() == 0:
    try:
      sealed = seal.check(folder)
    except (OSError, DamageError) as damage:
      error = damage
  if jax.process_count() > 1:
    damaged = multihost_utils.broadcast_one_to_all(np.int32(error is not None))
    error = error or (DamageError("so says process 0") if damaged else None)
  if error is not None:
    raise error
  if not sealed:
    print(
        f"note: {folder} is of a version of segjax that wrote no checksums:"
        " damage to it can go unnoticed",
        file=sys.stderr,
    )
  return sealed


def _reason(error: Exception) -> str:
  """What the system said, wherever it stands in a long message."""
  said = [reason for reason in _REASONS if reason in str(error)]
  return said[0] if said else seal.describe(error)
