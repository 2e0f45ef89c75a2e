"""The one loop that trains."""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import os
import pathlib
import time
from typing import Protocol

import jax
import numpy as np

from segjax import types
from segjax.training import state as state_lib
from segjax.training import step as step_lib


class NonFiniteError(ValueError):
  """A loss, a gradient or a weight is NaN or infinite."""


class Stopped(Exception):  # noqa: N818 (it is no error)
  """Raised by a hook that was interrupted by a request to end the run."""


@dataclasses.dataclass(frozen=True)
class Moment:
  """What a hook sees.

  Attributes:
    step: updates done.
    state: after them, on the devices.
    values: the metrics of the last update; finite.
    seconds: spent training since the loop began, without the hooks.
  """

  step: int
  state: state_lib.TrainState
  values: dict[str, float]
  seconds: float


class Hook(Protocol):
  """Something that happens at some steps."""

  def start(self, state: state_lib.TrainState) -> None:
    """Before the first step of this process, which may resume a run."""

  def due(self, step: int) -> bool:
    """Whether to call after update number `step`, counted from 1."""

  def __call__(self, moment: Moment) -> None:
    """Acts. The next step waits for it. May raise `Stopped`."""


def train(
    state: state_lib.TrainState,
    batches: Iterator[types.Batch],
    step_fn: Callable[
        [state_lib.TrainState, types.Batch],
        tuple[state_lib.TrainState, step_lib.Metrics],
    ],
    *,
    total_steps: int,
    workdir: str | os.PathLike[str],
    hooks: Sequence[Hook] = (),
    stop: Callable[[int], bool] = lambda step: False,
) -> tuple[state_lib.TrainState, bool]:
  """Trains from `state.step` to `total_steps`.

  The metrics of a step are read while the next one runs, unless a hook is due:
  the devices never wait for the host, and no hook, such as the one that saves,
  sees a state that came out of a step with a NaN.

  Args:
    state: its buffers are given to `step_fn`.
    batches: the first is that of step `state.step`.
    step_fn: (state, batch) -> (state, metrics).
    total_steps: of the whole run.
    workdir: where a batch is saved that made a NaN.
    hooks: called in this order.
    stop: asked before every step whether the run should end early.

  Returns:
    The state after the last step done, and whether the run is complete: all
    steps done, no hook interrupted.

  Raises:
    NonFiniteError: names the step and the file with its batch.
  """
  step, unread, seconds = int(state.step), None, 0.0
  try:
    for hook in hooks:
      hook.start(state)
  except Stopped:
    return state, False
  since = time.monotonic()
  while step < total_steps:
    if stop(step):
      _read(unread, workdir)
      return state, False
    batch = next(batches)
    with jax.profiler.StepTraceAnnotation("train", step_num=step):
      state, metrics = step_fn(state, batch)
    step += 1
    _read(unread, workdir)
    unread = step, batch, metrics
    due = [hook for hook in hooks if hook.due(step)]
    if due:
      values = _read(unread, workdir)
      unread = None
      seconds += time.monotonic() - since
      try:
        for hook in due:
          hook(Moment(step, state, values, seconds))
      except Stopped:
        return state, False
      since = time.monotonic()
  _read(unread, workdir)
  return state, True


def _read(unread, workdir: str | os.PathLike[str]) -> dict[str, float]:
  """The metrics of a step on the host, all finite."""
  if unread is None:
    return {}
  step, batch, metrics = unread
  values = {k: float(v) for k, v in jax.device_get(metrics).items()}
  bad = [name for name, value in values.items() if not np.isfinite(value)]
  if bad:
    name = f"bad_batch_{step}_{jax.process_index()}.npz"
    where = f"is in {pathlib.Path(workdir) / name}"
    try:
      np.savez(pathlib.Path(workdir) / name, **batch)
    except OSError as error:
      where = f"could not be kept ({error.strerror})"
    raise NonFiniteError(
        f"step {step}: {', '.join(f'{b} = {values[b]}' for b in bad)}; its"
        f" batch {where}"
    )
  return values
