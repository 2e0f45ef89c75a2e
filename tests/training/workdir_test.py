"""One run at a time writes in a workdir."""

import errno
import os
import socket

import pytest

from segjax.training import workdir


def test_a_second_claim_names_the_first_and_succeeds_when_it_is_over(tmp_path):
  folder = tmp_path / "runs" / "one"
  holder = f"process {os.getpid()} on {socket.gethostname()} since "
  with (
      workdir.claim(folder),
      pytest.raises(ValueError, match=f"is in use by {holder}"),
      workdir.claim(folder),
  ):
    raise AssertionError("two runs have the same workdir")
  with workdir.claim(folder):
    assert (folder / workdir.LOCK).read_text().startswith(holder)


def test_a_claim_on_another_folder_is_another_lock(tmp_path):
  with workdir.claim(tmp_path / "one"), workdir.claim(tmp_path / "two"):
    assert (tmp_path / "one").is_dir()


@pytest.mark.parametrize("below", (".", "run"))
def test_a_path_that_is_a_file_is_an_error_and_the_file_stays(tmp_path, below):
  (tmp_path / "file").write_text("mine")
  with (
      pytest.raises(ValueError, match="there is a file of this name"),
      workdir.claim(tmp_path / "file" / below),
  ):
    raise AssertionError("a file is a workdir")
  assert (tmp_path / "file").read_text() == "mine"


def test_a_file_system_without_locks_is_a_warning(
    tmp_path, monkeypatch, capsys
):
  def refuse(*unused):
    raise OSError(errno.ENOLCK, "No locks available")

  monkeypatch.setattr(workdir.fcntl, "flock", refuse)
  with workdir.claim(tmp_path):
    assert "has no locks" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path, monkeypatch):
  def refuse(*unused, **also_unused):
    raise OSError(errno.EROFS, "Read-only file system")

  monkeypatch.setattr(workdir.pathlib.Path, "mkdir", refuse)
  with (
      pytest.raises(OSError, match=r"cannot write to --workdir=.*: Read-only"),
      workdir.claim(tmp_path),
  ):
    raise AssertionError("it was claimed")
