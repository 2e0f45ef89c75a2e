"""Damage to any file of a checkpoint is found, said, and survived.

The longer the suite (CHAOS_KILLS), the more random places of every file.
"""

import pathlib
import random
import re
import shutil
import subprocess
import time

import jax
import pytest

from segjax.training import checkpoint, seal
from tests.chaos import runs
from tests.training import tiny

PLACES = max(1, runs.KILLS // 4)


@pytest.fixture(scope="module")
def parts():
  return tiny.parts()[0]


@pytest.fixture(scope="module")
def saved(tmp_path_factory, parts):
  """A workdir with the checkpoints 3 and 7, to be copied."""
  workdir = tmp_path_factory.mktemp("saved")
  save(workdir, parts, (3, 7))
  return workdir


@pytest.fixture
def workdir(saved, tmp_path):
  return shutil.copytree(saved, tmp_path / "run")


def at(state, step):
  state = jax.tree.map(lambda x: x + step, state)
  return state.replace(step=jax.numpy.int32(step))


def save(workdir, state, steps, **options):
  with checkpoint.Checkpoints(workdir, **options) as checkpoints:
    for step in steps:
      checkpoints.save(at(state, step))


def restore(workdir, state):
  device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  like = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), state
  )
  with checkpoint.Checkpoints(workdir) as checkpoints:
    return checkpoints.restore(like)


def files(folder):
  return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def flip(path, draw):
  content = bytearray(path.read_bytes())
  content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
  path.write_bytes(content)


def truncate(path, draw):
  path.write_bytes(path.read_bytes()[: draw.randrange(path.stat().st_size)])


def remove(path, draw):
  del draw
  path.unlink()


@pytest.mark.parametrize("damage", (flip, truncate, remove))
def test_damage_to_any_file_gives_way_to_the_checkpoint_before(
    saved, parts, tmp_path, damage, capsys
):
  """Of the ten or more files each in turn, the checksums among them."""
  draw = random.Random(runs.SEED)
  newest = saved / checkpoint.FOLDER / "7"
  names = [path.relative_to(saved) for path in files(newest)]
  assert {"SHA256SUMS", "_CHECKPOINT_METADATA"} <= {n.name for n in names}
  assert len(names) > 10
  for i, name in enumerate(names * (1 if damage is remove else PLACES)):
    workdir = shutil.copytree(saved, tmp_path / str(i))
    damage(workdir / name, draw)
    with pytest.raises(checkpoint.DamageError, match="7 is damaged"):
      checkpoint.restore_variables(workdir, "last")
    tiny.assert_same(restore(workdir, parts), at(parts, 3))
    message = capsys.readouterr().err
    assert "step 7 is damaged" in message, (runs.SEED, name)
    assert "from that of step 3" in message
    assert (workdir / "damaged" / "7").is_dir()


@pytest.mark.parametrize("steps", (("7",), ("7", "3")))
def test_metadata_that_orbax_cannot_list_are_damage_too(
    workdir, parts, capsys, steps
):
  """It reads those of every checkpoint before it is asked for one."""
  for step in steps:
    path = workdir / checkpoint.FOLDER / step / "_CHECKPOINT_METADATA"
    content = path.read_bytes()
    assert b"init_timestamp" in content
    path.write_bytes(content.replace(b"init_timestamp", b"init_timeStamp"))
  if len(steps) == 1:
    tiny.assert_same(restore(workdir, parts), at(parts, 3))
    assert "step 7 is damaged" in capsys.readouterr().err
  else:
    with pytest.raises(checkpoint.DamageError, match="every checkpoint"):
      restore(workdir, parts)
    assert (workdir / checkpoint.FOLDER / "7").is_dir()


def test_where_all_are_damaged_nothing_begins_from_scratch(workdir, parts):
  """The second time neither: they stay where they are."""
  draw = random.Random(runs.SEED)
  for step in ("3", "7"):
    flip(max(files(workdir / checkpoint.FOLDER / step), key=size), draw)
  for _ in range(2):
    with pytest.raises(checkpoint.DamageError) as error:
      restore(workdir, parts)
    assert re.search(r"\(7: \S+ is not what was written; 3: ", str(error.value))
  assert not (workdir / "damaged").exists()


def size(path):
  return path.stat().st_size


def test_a_file_too_many_is_damage_but_a_hidden_one_is_not(workdir):
  folder = workdir / checkpoint.FOLDER / "7"
  (folder / ".DS_Store").write_text("left by a file browser")
  assert seal.check(folder)
  (folder / "surplus").write_text("")
  with pytest.raises(checkpoint.DamageError, match=r"surplus is not in SHA"):
    seal.check(folder)


def test_the_program_sha256sum_reads_the_checksums(workdir):
  program = shutil.which("sha256sum")
  if not program:
    pytest.skip("there is no sha256sum here")
  folder = workdir / checkpoint.FOLDER / "7"
  command = [program, "--check", "--quiet", seal.FILE]
  assert subprocess.run(command, cwd=folder, check=False).returncode == 0
  flip(folder / "default" / "_METADATA", random.Random(runs.SEED))
  assert subprocess.run(command, cwd=folder, check=False).returncode == 1


def test_a_checkpoint_from_before_there_were_checksums_restores_with_a_note(
    workdir, parts, capsys
):
  folder = workdir / checkpoint.FOLDER / "7"
  (folder / seal.FILE).unlink()
  metadata = folder / "_CHECKPOINT_METADATA"
  metadata.write_text(metadata.read_text().replace(seal.FILE, ""))
  tiny.assert_same(restore(workdir, parts), at(parts, 7))
  assert "wrote no checksums" in capsys.readouterr().err


def test_a_whole_checkpoint_that_cannot_be_restored_now_stays(
    workdir, parts, monkeypatch
):
  """As where memory is short: that is no damage."""

  def fail(*unused, **also_unused):
    raise MemoryError("no room for it")

  monkeypatch.setattr(checkpoint.ocp.CheckpointManager, "restore", fail)
  with pytest.raises(MemoryError):
    restore(workdir, parts)
  assert (workdir / checkpoint.FOLDER / "7").is_dir()


def test_a_clock_that_runs_backwards_does_not_change_which_are_kept(
    tmp_path, parts, monkeypatch
):
  """The latest are those of the highest steps."""
  now = time.time()
  looks = iter(range(10**6))
  monkeypatch.setattr(time, "time", lambda: now - 60 * next(looks))
  monkeypatch.setattr(time, "time_ns", lambda: int(time.time() * 1e9))
  for steps in ((1, 2, 3), (4, 5)):
    save(tmp_path, parts, steps, keep=2)
  folder = pathlib.Path(tmp_path) / checkpoint.FOLDER
  assert sorted(path.name for path in folder.iterdir()) == ["4", "5"]
  tiny.assert_same(restore(tmp_path, parts), at(parts, 5))
