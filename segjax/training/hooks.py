"""What happens between the steps: log, save, evaluate, profile."""

from collections.abc import Callable, Sequence
import os

import jax

from segjax.training import checkpoint, loop, records
from segjax.training import state as state_lib
from segjax.training import writers as writers_lib

Values = writers_lib.Values


class Periodic:
  """A hook due every `every_steps` steps and at the last; never if 0."""

  def __init__(self, every_steps: int, total_steps: int):
    self._every, self._total = every_steps, total_steps

  def start(self, state: state_lib.TrainState) -> None:
    """Nothing to prepare."""

  def due(self, step: int) -> bool:
    """As `loop.Hook`."""
    if not self._every:
      return False
    return step % self._every == 0 or step == self._total


class Log(Periodic):
  """Gives the metrics of the step to the writers, with the speed."""

  def __init__(
      self,
      every_steps: int,
      total_steps: int,
      batch_size: int,
      writers: Sequence[writers_lib.Writer],
  ):
    super().__init__(every_steps, total_steps)
    self._batch_size, self._writers = batch_size, writers
    self._last = 0, 0.0

  def start(self, state: state_lib.TrainState) -> None:
    """As `loop.Hook`."""
    self._last = int(state.step), 0.0

  def __call__(self, moment: loop.Moment) -> None:
    step, seconds = self._last
    self._last = moment.step, moment.seconds
    images = (moment.step - step) * self._batch_size
    speed = images / max(moment.seconds - seconds, 1e-9)
    for writer in self._writers:
      writer.write(moment.step, moment.values | {"images_per_second": speed})


class Save(Periodic):
  """Saves the state.

  At the last step too, whatever the period, and where `also` (a hook that
  evaluates) is due: the best state can only be kept if it was saved.
  """

  def __init__(
      self,
      every_steps: int,
      total_steps: int,
      checkpoints: checkpoint.Checkpoints,
      also: Periodic,
  ):
    super().__init__(every_steps, total_steps)
    self._checkpoints, self._also = checkpoints, also

  def due(self, step: int) -> bool:
    """As `loop.Hook`."""
    return super().due(step) or step == self._total or self._also.due(step)

  def __call__(self, moment: loop.Moment) -> None:
    self._checkpoints.save(moment.state)


class Evaluate(Periodic):
  """Evaluates, and gives the numbers to the writers under "eval/".

  It comes after `Save` at the same steps, so that a kill during a long
  evaluation costs no training: a run that resumes at a step which should have
  been evaluated, and by its records was not, evaluates first.
  """

  def __init__(
      self,
      every_steps: int,
      total_steps: int,
      evaluate: Callable[[state_lib.TrainState], Values],
      writers: Sequence[writers_lib.Writer],
      done: records.Records,
  ):
    super().__init__(every_steps, total_steps)
    self._evaluate, self._writers, self._done = evaluate, writers, done

  def start(self, state: state_lib.TrainState) -> None:
    """As `loop.Hook`."""
    step = int(state.step)
    missing = step not in self._done.scores(checkpoint.SCORE)
    if step and self.due(step) and missing:
      self(loop.Moment(step, state, {}, 0.0))

  def __call__(self, moment: loop.Moment) -> None:
    values = self._evaluate(moment.state)
    values = {f"eval/{name}": value for name, value in values.items()}
    for writer in self._writers:
      writer.write(moment.step, values)


class Profile:
  """Records a profile of some steps, for TensorBoard or Perfetto.

  Args:
    first: the first step recorded, counted from 1; 0 records nothing.
    last: the last one.
    folder: where the trace goes.
  """

  def __init__(self, first: int, last: int, folder: str | os.PathLike[str]):
    self._start, self._stop, self._folder = first - 1, last, folder
    self._open = False

  def start(self, state: state_lib.TrainState) -> None:
    """As `loop.Hook`."""
    if int(state.step) == self._start:
      self._begin()

  def due(self, step: int) -> bool:
    """As `loop.Hook`."""
    return self._start >= 0 and step in (self._start, self._stop)

  def __call__(self, moment: loop.Moment) -> None:
    if moment.step == self._start:
      self._begin()
    elif self._open:
      jax.block_until_ready(moment.state)
      jax.profiler.stop_trace()
      print(f"profile written to {self._folder}")

  def _begin(self) -> None:
    jax.profiler.start_trace(str(self._folder))
    self._open = True
