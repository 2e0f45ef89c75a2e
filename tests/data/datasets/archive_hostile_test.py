"""Archives that somebody made to do harm, or that bits have rotted in."""

import io
import tarfile
import zipfile

import hypothesis
from hypothesis import strategies as st
import pytest

from segjax.data.datasets import archive
from tests.data.datasets import layouts, rot


def member(name, kind=tarfile.REGTYPE, target="", size=0):
  info = tarfile.TarInfo(name)
  info.type, info.linkname, info.size = kind, target, size
  return info


@pytest.mark.parametrize("suffix", (".tar", ".tgz"))
@pytest.mark.parametrize(
    "kind",
    (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE),
)
def test_links_and_devices_in_a_tar_are_not_there(tmp_path, suffix, kind):
  """Wherever they lead, out of the archive too."""
  (tmp_path / "secret").write_text("secret")
  path = tmp_path / f"x{suffix}"
  with tarfile.open(path, "w" if suffix == ".tar" else "w:gz") as tar:
    for target in ("../secret", str(tmp_path / "secret"), "a"):
      tar.addfile(member(f"link{len(target)}", kind, target))
    tar.addfile(member("a", size=1), io.BytesIO(b"y"))
  files = archive.open_archive(path)
  assert files.names() == ["a"]
  with pytest.raises(FileNotFoundError, match="has no link1"):
    files.read("link1")


@pytest.mark.parametrize("name", ("../a.png", "/a.png", "x/../../a.png"))
@pytest.mark.parametrize("kind", (".zip", ".tar", ".tgz"))
def test_a_member_that_would_leave_is_refused_where_it_is_read(
    tmp_path, name, kind
):
  """However it was found: by its name, or by a pattern."""
  path = tmp_path / f"x{kind}"
  if kind == ".zip":
    layouts.write_zip(path, {name: b"x", "b": b"y"})
  else:
    layouts.write_tar(
        path, {name: b"x", "b": b"y"}, "w" if kind == ".tar" else "w:gz"
    )
  files = archive.open_archive(path)
  for file in files.files("(.*)").values():
    if file.name != "b":
      with pytest.raises(ValueError, match="is not a name inside"):
        file.read()
  assert files.read("b") == b"y"
  assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_zip_member_that_unpacks_to_too_much_is_refused(tmp_path):
  path = tmp_path / "x.zip"
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
    file.writestr("bomb", bytes(3_000_000))
  assert path.stat().st_size < 10_000
  files = archive.open_archive(path)
  with pytest.raises(
      ValueError, match=r"x.zip: bomb declares 3000000 bytes; th"
  ):
    files.read("bomb", limit=1_000_000)
  assert len(files.read("bomb")) == 3_000_000


def test_a_zip_member_cannot_unpack_to_more_than_it_declares(tmp_path):
  path = tmp_path / "x.zip"
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
    file.writestr("bomb", bytes(3_000_000))
  content = path.read_bytes()
  path.write_bytes(
      content.replace((3_000_000).to_bytes(4, "little"), bytes([9, 0, 0, 0]))
  )
  with pytest.raises(ValueError, match=r"x.zip is damaged at bomb .*CRC"):
    archive.open_archive(path).read("bomb")


def test_a_sparse_tar_member_that_declares_a_terabyte_is_refused(tmp_path):
  path = tmp_path / "x.tar"
  info = member("bomb", size=0)
  info.pax_headers = {
      "GNU.sparse.major": "0", "GNU.sparse.minor": "1",
      "GNU.sparse.size": str(1 << 40), "GNU.sparse.numblocks": "1",
      "GNU.sparse.map": f"{1 << 40},0",
  }  # fmt: skip
  with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
    tar.addfile(info)
  files = archive.open_archive(path)
  with pytest.raises(ValueError, match="bomb declares 1099511627776 bytes"):
    files.read("bomb")


def test_a_compressed_tar_does_not_fill_the_memory(tmp_path, monkeypatch):
  path = tmp_path / "x.tgz"
  layouts.write_tar(path, {f"{i}": bytes(400_000) for i in range(9)}, "w:gz")
  monkeypatch.setattr(archive, "_KEPT", 1_000_000)
  with pytest.raises(ValueError, match=r"x.tgz is damaged .*more than 1000000"):
    archive.open_archive(path)
  assert archive.open_archive(path, keep="[01]").names() == ["0", "1"]


def test_a_zip_behind_a_password_is_named(tmp_path):
  path = tmp_path / "x.zip"
  layouts.write_zip(path, {"a": b"secret"})
  content = bytearray(path.read_bytes())
  for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
    content[content.index(signature) + flags] |= 1
  path.write_bytes(content)
  with pytest.raises(ValueError, match=r"x.zip is damaged at a .*encrypted"):
    archive.open_archive(path).read("a")


def test_names_of_every_script_are_read(tmp_path):
  names = ["straße/été.png", "街/窓.png", "улица/окно 1.png", "a\nb.png"]
  content = {name: name.encode() for name in names}
  layouts.write_zip(tmp_path / "x.zip", content)
  layouts.write_tar(tmp_path / "x.tar", content)
  layouts.write_folder(tmp_path / "x", content)
  for name in ("x.zip", "x.tar", "x"):
    files = archive.open_archive(tmp_path / name)
    assert {n: files.read(n) for n in files.names()} == content


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
  """The bytes of small archives of each kind."""
  folder = tmp_path_factory.mktemp("packed")
  files = {f"a/{i}.png": layouts.png(layouts.mask(i)) for i in range(3)}
  layouts.write_zip(folder / "x.zip", files)
  with zipfile.ZipFile(folder / "y.zip", "w", zipfile.ZIP_LZMA) as file:
    for name, content in files.items():
      file.writestr(name, content)
  layouts.write_tar(folder / "x.tar", files)
  layouts.write_tar(folder / "x.tgz", files, "w:gz")
  return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.parametrize("name", ("x.zip", "y.zip", "x.tar", "x.tgz"))
def test_rotten_archives_are_read_or_refused(tmp_path, packed, name):
  """No other exception than those that the docstring names, ever."""

  @rot.SETTINGS
  @hypothesis.given(st.data())
  def check(draws):
    path = tmp_path / name
    path.write_bytes(rot.rot(draws, packed[name]))
    found = rot.read_or_refused(
        lambda: archive.open_archive(path).files("(.*)"), name
    )
    for file in (found or {}).values():
      rot.read_or_refused(file.read, name)

  check()
