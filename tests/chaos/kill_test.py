"""Whatever moment kills a run, it ends as one that was never disturbed.

To the last bit: weights, statistics, the optimizer's moments, moving averages
and metrics.jsonl. `make chaos` kills 20 times; CHAOS_KILLS says how often, and
CHAOS_SEED repeats the moments that a failure names.
"""

import random
import signal
import time

import pytest

from segjax.training import records, seal
from tests.chaos import runs


def newest(workdir):
  """The newest step of `checkpoints`, and of the first whole lines."""
  folder = workdir / "checkpoints"
  steps = [int(p.name) for p in folder.iterdir() if p.name.isdecimal()]
  return max(steps, default=0), records.Records(workdir).read()[-1]["step"]


def broken(workdir):
  """Whether a checkpoint is half there under its final name."""
  for folder in (workdir / "checkpoints").iterdir():
    try:
      assert not folder.name.isdecimal() or seal.check(folder)
    except seal.DamageError:
      return True
  return False


def whole(workdir):
  """The folders that wait for their final name."""
  return list((workdir / "checkpoints").glob("*-whole"))


POINTS = {
    "while config.json is written": lambda w: (
        (w / "config.json.new").exists() and not (w / "config.json").exists()
    ),
    "before the first checkpoint": lambda w: newest(w) == (0, 4),
    "before the checkpoint is whole": lambda w: (
        runs.temporaries(w) and not whole(w)
    ),
    "while checksums are made": lambda w: (
        whole(w) and not (whole(w)[0] / seal.FILE).exists()
    ),
    "before the checkpoint gets its name": lambda w: seal.check(whole(w)[0]),
    "in the middle of a line": lambda w: (
        not (w / "metrics.jsonl").read_text().endswith("\n")
    ),
    "while an old checkpoint is removed": broken,
    "during an evaluation": lambda w: (
        newest(w)[1] == 12 and "eval" not in (w / "metrics.jsonl").read_text()
    ),
    "before the scores are recorded": lambda w: (
        (w / "metrics.jsonl.new").exists()
    ),
    "between metrics and checkpoint": lambda w: newest(w) == (12, 16),
}
"""Of each of `faults.KILLS`, in the order of one run: how one sees it after."""


@pytest.mark.heavy
def test_a_run_killed_at_random_moments_ends_as_one_that_was_not(warm):
  """Half of the kills come while a checkpoint is being written."""
  draw = random.Random(runs.SEED)
  since, kills, inside, workdirs = time.monotonic(), 0, 0, []
  while kills < runs.KILLS:
    workdirs.append(f"random{len(workdirs)}")
    done = False
    while not done:
      run = warm.start(workdirs[-1])
      if kills == runs.KILLS:
        assert run.wait() == 0, (runs.SEED, run.out)
        break
      done = not wait_for_a_moment(run, draw)
      if done:
        assert run.wait() == 0, (runs.SEED, run.out)
      else:
        assert run.kill() == -signal.SIGKILL, (runs.SEED, run.out)
        kills += 1
        inside += bool(runs.temporaries(run.workdir))
  for name in workdirs:
    runs.assert_same(warm.folder / "whole", warm.folder / name)
  assert inside >= runs.KILLS // 4, runs.SEED
  print(
      f"CHAOS_SEED={runs.SEED}: {kills} kills, {inside} of them inside a checkpoint's"
      f" write, over {len(workdirs)} runs, {time.monotonic() - since:.0f} s"
  )


def wait_for_a_moment(run, draw):
  """Whether the run still goes on when the moment has come."""
  if draw.random() < 0.5:
    skip = draw.randrange(3)  # Of the checkpoints that are written.
    for _ in range(skip):
      if not (run.until(run.writing) and run.until(run.resting)):
        return False
    if not run.until(run.writing):
      return False
    time.sleep(draw.uniform(0, 0.02))
  else:
    time.sleep(draw.uniform(0, 4))
  return run.alive()


@pytest.mark.heavy
def test_a_run_killed_at_every_delicate_moment_ends_as_one_that_was_not(warm):
  """One after the other; the last run has a clock that runs backwards."""
  for point, seen in POINTS.items():
    run = warm.start("delicate", fault=point)
    assert run.wait() == -signal.SIGKILL, (point, run.out)
    assert seen(run.workdir), point
  run = warm.start("delicate", fault="backwards")
  assert run.wait() == 0, run.out
  runs.assert_same(warm.folder / "whole", warm.folder / "delicate")


@pytest.mark.heavy
@pytest.mark.skipif(runs.KILLS < 20, reason="`make chaos` runs it")
def test_a_run_that_is_asked_to_stop_saves_where_it_is(warm):
  """SIGTERM, at a step at which nothing was to be saved."""
  run = warm.start("asked")
  assert run.until(lambda: "step 6/" in run.out), run.out
  assert run.kill(signal.SIGTERM) == 143
  assert "the same command goes on from there" in run.out
  assert not runs.temporaries(run.workdir)
  run = warm.start("asked")
  assert run.wait() == 0
  assert "resuming" in run.out
  runs.assert_same(warm.folder / "whole", warm.folder / "asked")
