"""A disk that is full in truth: a small file system of our own."""

import os
import pathlib
import subprocess
import sys

import pytest

from segjax.training import records, writers

ROOT = pathlib.Path(__file__).parents[2]
NO_MOUNT = 77

WORKER = f"""
import ctypes, os, pathlib, sys

NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000
libc = ctypes.CDLL(None, use_errno=True)
user, group = os.getuid(), os.getgid()
space = NEW_MOUNTS | (NEW_USER if user else 0)
if libc.unshare(space):
  sys.exit({NO_MOUNT})
if user:  # Who may mount in a name space of their own, as root of it.
  pathlib.Path("/proc/self/setgroups").write_text("deny")
  pathlib.Path("/proc/self/uid_map").write_text(f"0 {{user}} 1")
  pathlib.Path("/proc/self/gid_map").write_text(f"0 {{group}} 1")
private = 16384 | 1 << 18
if libc.mount(None, b"/", None, private, None) or libc.mount(
    b"tmpfs", os.fsencode(sys.argv[1]), b"tmpfs", 0, b"size=1m"):
  sys.exit({NO_MOUNT})

import errno
from segjax.training import checkpoint
from tests.chaos import damage_test
from tests.training import tiny

workdir = pathlib.Path(sys.argv[1])
state, _ = tiny.parts()
damage_test.save(workdir, state, (3,))
ballast = workdir / "ballast"
with ballast.open("wb", buffering=0) as file:
  try:
    while True:
      file.write(bytes(4096))
  except OSError as error:
    assert error.errno == errno.ENOSPC, error
  file.truncate(file.tell() - int(sys.argv[2]))
for _ in range(2):
  try:
    damage_test.save(workdir, state, (7,))
  except checkpoint.SaveError as error:
    print("error:", error)
  else:
    raise AssertionError("it was saved on a full disk")
  left = [path.name for path in (workdir / "checkpoints").iterdir()]
  assert left == ["3"], left
  tiny.assert_same(
      damage_test.restore(workdir, state), damage_test.at(state, 3))
ballast.unlink()
damage_test.save(workdir, state, (7,))
tiny.assert_same(damage_test.restore(workdir, state), damage_test.at(state, 7))
"""


@pytest.mark.parametrize("room", (0, 20_000))
def test_a_save_on_a_full_disk_is_one_error_and_the_one_before_restores(
    tmp_path, room
):
  """Whether nothing fits or the beginning does; later there is room again."""
  done = subprocess.run(
      [sys.executable, "-c", WORKER, str(tmp_path), str(room)],
      cwd=ROOT,
      env=os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": "."},
      capture_output=True,
      text=True,
      check=False,
  )
  if done.returncode == NO_MOUNT:
    pytest.skip("this system lets nobody mount a small file system")
  assert done.returncode == 0, done.stderr
  for line in done.stdout.splitlines():
    assert "the checkpoint of step 7 could not be written to" in line
    assert "(No space left on device)" in line
    assert "That of step 3 is whole: make room and" in line
  assert len(done.stdout.splitlines()) == 2
  assert not done.stderr


FULL = pathlib.Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_numbers_that_cannot_be_written_are_an_error_with_the_place(tmp_path):
  """Of metrics.jsonl, and of TensorBoard's files, which close in peace."""
  (tmp_path / records.FILE).symlink_to(FULL)
  with pytest.raises(OSError, match=r"metrics.jsonl: No space left"):
    records.Records(tmp_path).write(1, {"loss": 0.5})
  board = writers.TensorBoard(tmp_path / "board", 0)
  board._file.close()
  board._file = board._library.RecordWriter(str(FULL))

  def write():
    with board:
      board.write(1, {"loss": 0.5})

  with pytest.raises(OSError, match=r"board: No space left"):
    write()


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path):
  path = tmp_path / "config.json"
  records.replace_text(path, "old")
  (tmp_path / "config.json.new").mkdir()
  with pytest.raises(OSError, match=r"cannot write .*config.json"):
    records.replace_text(path, "new")
  assert path.read_text() == "old"
