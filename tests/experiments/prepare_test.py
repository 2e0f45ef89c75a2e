"""The binary: what it prints, where it fails, and its exit status."""

import re

import pytest

from experiments import dataset_flags
from segjax import data
from tests.data.datasets import layouts
from tests.experiments import running


def run(*flags, status=0):
  out, err = running.run("prepare", *flags, status=status)
  return out.split("\n")[:-1], err.split("\n")[:-1]


def test_prepares_once_and_says_what_is_there(tmp_path):
  layouts.write_folder(tmp_path / "manual", layouts.camvid())
  flags = (
      "--dataset=camvid",
      f"--manual_dir={tmp_path}/manual",
      f"--data_dir={tmp_path}/data",
  )
  first, _ = run(*flags)
  assert first[0].startswith("Note: test is left out")
  assert first[1].startswith("Note: Images found (as published): train 2 (367)")
  assert first[2] == f"Prepared in {tmp_path}/data/camvid/1.0.0:"
  assert [line.split() for line in first[3:]] == [
      ["train", "2", "images"],
      ["validation", "1", "images"],
  ]
  second, _ = run(*flags)
  assert second == [
      f"Already prepared in {tmp_path}/data/camvid/1.0.0:",
      *first[3:],
  ]
  third, _ = run(*flags, "--overwrite")
  assert third == first


def test_options_and_one_line_of_progress(tmp_path):
  _, lines = run(
      "--dataset=shapes",
      f"--data_dir={tmp_path}",
      "--option=num_classes=3",
      "--option=size=(32, 48)",
      "--option=train=150",
      "--option=validation=2",
      "--option=test=1",
  )
  (line,) = lines
  assert "153/153" in line.split("\r")[-1]
  options = dict(num_classes=3, size=(32, 48), train=150, validation=2, test=1)
  source = data.open("shapes", "train", tmp_path, **options)
  assert source[149]["image"].shape == (32, 48, 3)


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--dataset=camvd"], "error: There is no data set 'camvd'; there are"),
        (["--datset=camvid"], "error: Unknown command line flag 'datset'"),
        ([], "error: flag --dataset"),
        (["--dataset=camvid", "--manual_dir=nowhere"], "no folder .*nowhere"),
        (["--dataset=shapes", "extra"], "cannot read 'extra'"),
    ],
)
def test_a_mistake_is_one_line_and_status_one(tmp_path, flags, message):
  out, (line,) = run(*flags, f"--data_dir={tmp_path}/data", status=1)
  assert line.startswith("error: ")
  assert re.search(message, line), line
  assert not out
  assert not (tmp_path / "data").exists()


def test_a_damaged_archive_is_named_in_one_line(tmp_path):
  files = {"VOCdevkit/VOC2012/a": b"x" * 9000}
  path = tmp_path / "VOCtrainval_11-May-2012.tar"
  layouts.write_tar(path, files)
  path.write_bytes(path.read_bytes()[:3000])
  _, (line,) = run(
      "--dataset=voc2012",
      f"--manual_dir={tmp_path}",
      f"--data_dir={tmp_path}/data",
      status=1,
  )
  assert "VOCtrainval_11-May-2012.tar is damaged" in line
  assert not (tmp_path / "data").exists()


def test_debug_shows_the_trace_back(tmp_path):
  flags = "--dataset=camvd", f"--data_dir={tmp_path}", "--debug"
  _, lines = run(*flags, status=1)
  assert any("Traceback" in line for line in lines)
  assert any(line.startswith("ValueError: There is") for line in lines)


@pytest.mark.parametrize("option", ("size", "=3", "a b=3"))
def test_an_option_is_name_and_value(option):
  with pytest.raises(ValueError, match="--option=name=value"):
    dataset_flags.parse_options([option])


def test_options_are_literals_or_words():
  parsed = dataset_flags.parse_options(
      ["a=3", "b=(1, 2)", "c=word", "d=", "e=x=y"]
  )
  assert parsed == {"a": 3, "b": (1, 2), "c": "word", "d": "", "e": "x=y"}
