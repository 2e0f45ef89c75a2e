"""Archives are read in memory; damage is one error that names the file."""

import gzip

import numpy as np
import pytest

from segjax.data.datasets import archive
from tests.data.datasets import layouts

RNG = np.random.default_rng(0)
FILES = {f"a/{i}.bin": RNG.bytes(3000) for i in range(4)} | {
    "b/c.txt": b"x\n\ny"
}


def make(tmp_path, kind):
  path = tmp_path / f"files{kind}"
  if kind == "":
    layouts.write_folder(path, FILES)
  elif kind == ".zip":
    layouts.write_zip(path, FILES)
  else:
    layouts.write_tar(path, FILES, "w" if kind == ".tar" else "w:gz")
  return path


KINDS = ("", ".zip", ".tar", ".tgz")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_the_same(tmp_path, kind):
  files = archive.open_archive(make(tmp_path, kind))
  assert sorted(files.names()) == sorted(FILES)
  assert {name: files.read(name) for name in FILES} == FILES
  assert files.lines("b/c.txt") == ["x", "y"]
  found = files.files(r"a/(\d)\.bin")
  assert list(found) == ["0", "1", "2", "3"]
  assert found["2"].read() == FILES["a/2.bin"]
  assert str(found["2"]) == f"{files.path}/a/2.bin"


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_member_names_archive_and_member(tmp_path, kind):
  files = archive.open_archive(make(tmp_path, kind))
  for read in (files.read, files.file):
    with pytest.raises(FileNotFoundError, match=rf"files{kind} has no a/9"):
      read("a/9.bin")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ("../secret", "/etc/passwd", "a/../../secret"))
def test_names_that_leave_the_archive_are_refused(tmp_path, kind, name):
  (tmp_path / "secret").write_text("secret")
  files = archive.open_archive(make(tmp_path, kind))
  with pytest.raises(ValueError, match="not a name inside"):
    files.read(name)


def test_nothing_is_unpacked(tmp_path):
  """A member that would be written outside is a name like others."""
  path = tmp_path / "evil.tar"
  layouts.write_tar(path, {"../outside": b"x", "a": b"y"})
  assert archive.open_archive(path).read("a") == b"y"
  assert [p.name for p in tmp_path.iterdir()] == ["evil.tar"]


@pytest.mark.parametrize("kind", (".zip", ".tar", ".tgz"))
@pytest.mark.parametrize("share", (0, 0.1, 0.5, 0.6))  # A tar ends in padding.
def test_an_archive_cut_short_is_damaged(tmp_path, kind, share):
  path = make(tmp_path, kind)
  content = path.read_bytes()
  path.write_bytes(content[: int(share * len(content))])
  with pytest.raises(ValueError, match=rf"files{kind} is damaged"):
    archive.open_archive(path)


def test_a_tar_cut_between_two_members_is_damaged(tmp_path):
  """Which Python's tarfile takes for a good end."""
  path = make(tmp_path, ".tar")
  path.write_bytes(path.read_bytes()[: 2 * (512 + 3072)])
  with pytest.raises(ValueError, match="the end is missing"):
    archive.open_archive(path)


def test_a_flipped_bit_in_a_zip_is_damage_that_names_the_member(tmp_path):
  path = make(tmp_path, ".zip")
  content = bytearray(path.read_bytes())
  content[content.index(FILES["a/1.bin"]) + 1500] ^= 4
  path.write_bytes(content)
  files = archive.open_archive(path)
  assert files.read("a/0.bin") == FILES["a/0.bin"]
  with pytest.raises(ValueError, match=r"files.zip is damaged at a/1.bin"):
    files.read("a/1.bin")


def test_a_flipped_bit_in_a_tgz_is_damage(tmp_path):
  path = make(tmp_path, ".tgz")
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 4
  path.write_bytes(content)
  with pytest.raises(ValueError, match=r"files.tgz is damaged"):
    archive.open_archive(path)


def test_a_wrong_checksum_behind_the_last_member_is_damage(tmp_path):
  path = make(tmp_path, ".tgz")
  content = bytearray(path.read_bytes())
  content[-5] ^= 1
  path.write_bytes(content)
  with pytest.raises(ValueError, match=r"files.tgz is damaged"):
    archive.open_archive(path)


def test_something_else_is_damaged(tmp_path):
  for name in ("page.zip", "page.tar", "page.tgz"):
    path = tmp_path / name
    path.write_bytes(b"<html>Please log in</html>" * 100)
    with pytest.raises(ValueError, match=f"{name} is damaged"):
      archive.open_archive(path)
  path.write_bytes(gzip.compress(b"no tar in here" * 1000))
  with pytest.raises(ValueError, match=r"page.tgz is damaged"):
    archive.open_archive(path)


def test_a_compressed_tar_keeps_only_what_is_asked_for(tmp_path):
  files = archive.open_archive(make(tmp_path, ".tgz"), keep=r"b/.*")
  assert files.names() == ["b/c.txt"]


def test_find_names_all_it_looked_for(tmp_path):
  (tmp_path / "b").mkdir()
  assert archive.find(tmp_path, "a", "b") == tmp_path / "b"
  with pytest.raises(FileNotFoundError, match="has no c and no d"):
    archive.find(tmp_path, "c", "d")
  with pytest.raises(FileNotFoundError, match="There is no"):
    archive.open_archive(tmp_path / "c.zip")
