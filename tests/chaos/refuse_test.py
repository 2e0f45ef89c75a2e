"""What a run cannot mend is one clear line and a status, and harms nothing."""

import json
import random
import re
import shutil
import signal

import pytest

from segjax.training import checkpoint
from tests.chaos import damage_test, runs

pytestmark = pytest.mark.heavy


@pytest.fixture
def copy(warm, tmp_path):
  """The finished run, to be damaged."""
  return shutil.copytree(warm.folder / "whole", tmp_path / "copy")


def refusal(run):
  """The one line that a run left which gave up."""
  assert run.wait() == 1, run.out
  lines = [line for line in run.out.splitlines() if not progress(line)]
  assert len(lines) == 1, run.out
  assert lines[0].startswith("error: ")
  return lines[0]


def progress(line):
  return line.startswith(("step ", "resuming "))


def content(workdir):
  return {
      str(path.relative_to(workdir)): path.read_bytes()
      for path in workdir.rglob("*")
      if path.is_file() and "tensorboard" not in path.parts
  }


def test_two_runs_on_one_workdir_do_not_mix(warm):
  """The second is told who is there; a killed one leaves no lock."""
  first = warm.start("shared")
  assert first.until(lambda: (first.workdir / "checkpoints" / "8").is_dir())
  line = refusal(warm.start("shared"))
  assert f"shared is in use by process {first.pid} on " in line
  assert checkpoint.restore_variables(first.workdir, "last")["params"]
  assert first.alive(), first.out
  first.kill()
  third = warm.start("shared")
  assert third.wait() == 0, third.out
  runs.assert_same(warm.folder / "whole", third.workdir)


def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(warm):
  """The error names the checkpoint that is whole; nothing half stays."""
  run = warm.start("full")
  assert run.until(lambda: "step 6/" in run.out), run.out
  assert run.kill(signal.SIGTERM) == 143
  whole = checkpoint.find_step(run.workdir, "last")
  for _ in range(2 if runs.KILLS >= 20 else 1):
    run = warm.start("full", fault="full disk")
    line = refusal(run)
    assert "could not be written to" in line
    assert "(File too large)" in line
    assert f"That of step {whole} is whole: make room and" in line
    assert not runs.temporaries(run.workdir)
    assert checkpoint.find_step(run.workdir, "last") == whole
  run = warm.start("full")
  assert run.wait() == 0, run.out
  runs.assert_same(warm.folder / "whole", run.workdir)


def test_a_workdir_that_cannot_be_written_to_is_said_so(warm, copy):
  before = content(copy)
  run = warm.start(copy, fault="read only")
  run.wait()
  if "cannot mount" in run.out:
    pytest.skip("this system lets nobody mount a folder read-only")
  assert f"cannot write to --workdir={copy}: Read-only" in refusal(run)
  assert content(copy) == before


@pytest.mark.parametrize("below", ("", "/run"))
def test_a_workdir_that_is_a_file_is_said_so(warm, tmp_path, below):
  (tmp_path / "taken").write_text("mine")
  line = refusal(warm.start(f"{tmp_path}/taken{below}"))
  assert "there is a file of this name" in line
  assert (tmp_path / "taken").read_text() == "mine"


def test_a_bit_that_flipped_costs_the_steps_since_the_checkpoint_before(
    warm, copy
):
  """The end is the same; what was damaged is kept apart."""
  newest = copy / "checkpoints" / str(runs.STEPS)
  draw = random.Random(runs.SEED)
  damage_test.flip(draw.choice(damage_test.files(newest)), draw)
  run = warm.start(copy)
  assert run.wait() == 0, run.out
  assert f"the checkpoint of step {runs.STEPS} is damaged (" in run.out
  assert f"resuming {copy} after step {runs.STEPS - 4} of" in run.out
  runs.assert_same(warm.folder / "whole", copy)
  assert (copy / "damaged" / str(runs.STEPS)).is_dir()


def all_checkpoints(workdir):
  draw = random.Random(runs.SEED)
  for folder in (workdir / "checkpoints").iterdir():
    damage_test.flip(draw.choice(damage_test.files(folder)), draw)


def a_line_of_the_metrics(workdir):
  path = workdir / "metrics.jsonl"
  lines = path.read_text().splitlines(keepends=True)
  lines[2] = lines[2].replace('"step"', '"st?p"')
  path.write_text("".join(lines))


def the_config(workdir):
  path = workdir / "config.json"
  path.write_text(path.read_text()[:-40])


def no_config(workdir):
  (workdir / "config.json").unlink()


def another_config(workdir):
  path = workdir / "config.json"
  config = json.loads(path.read_text())
  config["schedule"]["peak"] *= 2
  path.write_text(json.dumps(config))


@pytest.mark.parametrize(
    "damage, message",
    (
        (all_checkpoints, "every checkpoint in .* is damaged"),
        (a_line_of_the_metrics, "metrics.jsonl is damaged at line 3 of 20"),
        (the_config, "config.json is damaged"),
        (no_config, "has checkpoints but no config.json"),
        (another_config, "begun with another config; it differs in schedule"),
    ),
)
def test_what_cannot_be_mended_is_left_as_it_is(warm, copy, damage, message):
  """So nothing is lost that a person could still mend."""
  damage(copy)
  before = content(copy)
  line = refusal(warm.start(copy))
  assert re.search(message, line), line
  after = content(copy)
  assert before.pop("run.lock")
  assert after.pop("run.lock")
  assert after == before
