"""Pickles that call, fill or never end; nothing in them is run."""

import io
import pickle
import tarfile

import numpy as np
import pytest

from segjax import convert
from segjax.convert import pickles, torchfile
from tests.convert import read_test
from tests.convert.hostile import refused, tensor, zipped

LAUGHS = b")" + b"2\x86" * 60
"""A tuple of two tuples of two tuples ...: 2**60 of them, were they counted."""

LONG = b"X" + (1 << 20).to_bytes(4, "little") + b"x" * (1 << 20)

PICKLES = {
    "a memo of 2**30 places": (b"}r" + b"\xff\xff\xff\x3f" + b".", "no tensors"),
    "a string of 2**60 bytes": (
        b"\x8d" + (1 << 60).to_bytes(8, "little") + b"x.", "not a complete"),
    "bytes of 2**40, to be filled": (
        b"\x96" + (1 << 40).to_bytes(8, "little") + b"x.", "not a complete"),
    "a bytearray": (
        b"\x96" + (1).to_bytes(8, "little") + b"x.", "refused.*BYTEARRAY8"),
    "a key that takes for ever to hash": (
        b"}" + LAUGHS + b"Ns.", "refused: a key"),
    "a member of a set that does": (b"\x8f(" + LAUGHS + b"\x90.", "refused: a"),
    "a persistent id that takes for ever to print": (
        b"(" + LAUGHS + b"NNNNtQ.", "refused.*no storage"),
    "a storage of that name": (
        b"(" + read_test.pickled("storage") + b"ctorch\nFloatStorage\n"
        + LAUGHS + b"NNtQ.", "refused.*without a name"),
    "one large value, copied again and again": (
        b"ccollections\nOrderedDict\nq\x00" + b"((tl" + LONG + b"aq\x01"
        + b"h\x00h\x01\x85R" * 9 + b".", "not enough values|no string"),
    "a mapping that holds itself": (
        b"}q\x00" + read_test.pickled("state_dict") + b"h\x00s.",
        "no tensors.*state_dict"),
    "mappings in mappings": (
        b"}q\x00" + b"}q\x01(X\x01\x00\x00\x00ah\x00X\x01\x00\x00\x00bh\x00uq\x00"
        * 60 + b".", "no tensors"),
    "a call of the state": (
        b"ctorch\nSize\n(]tR" + b"}X\x08\x00\x00\x00__call__Nsb.", "tuple"),
    "an instance, the old way": (
        b"(X\x01\x00\x00\x00xios\nsystem\n.", "refused.*INST 'os system'"),
    "an extension": (b"\x82\x01.", "refused.*EXT1"),
    "items for what is no list": (b"NNa.", "not a complete"),
    "an empty stack": (b"0.", "not a complete"),
    "no end": (b"}" * 9, "not a complete"),
    "an integer of too many digits": (b"L" + b"9" * 5000 + b"L\n.", "not a comp"),
}  # fmt: skip


@pytest.mark.parametrize("what", PICKLES)
def test_a_pickle_cannot_blow_up(tmp_path, little_memory, what):
  data, match = PICKLES[what]
  refused(tmp_path / "w.pth", zipped({"w/data.pkl": b"\x80\x02" + data}), match)


def test_a_pickle_of_too_many_instructions_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(pickles, "LIMIT", 1 << 12)
  data = b"\x80\x02]" + b"N0" * (1 << 11) + b"."
  refused(tmp_path / "w.pth", zipped({"w/data.pkl": data}), "pickle of more")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("legacy", (False, True), ids=("zip", "legacy"))
def test_code_is_refused_in_every_protocol(tmp_path, protocol, legacy):
  """It would have made a folder."""
  trace = tmp_path / "trace"
  evil = pickle.dumps({"a": read_test.Evil(trace)}, protocol)
  content = zipped({"w/data.pkl": evil})
  if legacy:
    head = (torchfile._MAGIC, 1001, {"little_endian": True})
    content = b"".join(pickle.dumps(x, 2) for x in head) + evil
  refused(tmp_path / "w.pth", content, r"refused.*(posix|nt)\.mkdir")
  assert not trace.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_read_in_every_protocol(tmp_path, protocol):
  """Beside the tensors, whatever a training script keeps."""
  about = {
      "arg": ["ä\n'", 1.5, -7, 1 << 80, None, True, (), (1, 2, 3)],
      1: {"deep": {(1, "a"): 2, 2.5: None}},
  }
  if protocol > 3:  # Before, these are calls.
    about["more"] = [b"\x00\xff", {3, 4}, frozenset((5,))]
  about["again"] = about["arg"]
  inner = pickle.dumps(about, protocol)[:-1]
  if protocol >= 2:
    inner = inner[2:]
  data = b"\x80\x05(" + read_test.pickled("about") + inner
  data += read_test.pickled("a") + tensor(0, (2, 3), (3, 1)) + b"d."
  numbers = np.arange(6, dtype="<f4").tobytes()
  path = tmp_path / "w.pth"
  path.write_bytes(zipped({"w/data.pkl": data, "w/data/0": numbers}))
  assert convert.read(path)["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_tar_archive_is_named_as_what_it_is(tmp_path):
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode="w") as tar:
    tar.addfile(tarfile.TarInfo("pickle"), io.BytesIO())
  refused(tmp_path / "w.pth.tar", buffer.getvalue(), "but a tar archive")
