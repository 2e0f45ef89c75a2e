"""Which of a run's checkpoints is meant by "best", "last" or a step."""

from collections.abc import Mapping, Sequence
import os
import pathlib

from orbax import checkpoint as ocp

from segjax.training import records as records_lib

FOLDER = "checkpoints"
SCORE = "eval/miou"
"""The record that decides which checkpoint is best; more is better."""


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


class Best:
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
