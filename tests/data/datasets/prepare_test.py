"""A build is whole or not there, also where it is killed or repeated."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from segjax import data
from segjax.data import datasets
from tests.data.datasets import layouts

OPTIONS = dict(size=32, train=5, validation=2, test=2)


def test_a_killed_build_is_cleared_away_and_done_again(tmp_path):
  """SIGKILL leaves a folder "incomplete..."; nothing opens it."""
  options = dict(size=32, train=100_000)
  code = (
      "from segjax import data; "
      f"data.datasets.prepare('shapes', {str(tmp_path)!r}, **{options})"
  )
  process = subprocess.Popen([sys.executable, "-c", code])
  while not list(tmp_path.glob("shapes/*/incomplete.*/*array_record*")):
    assert process.poll() is None
    time.sleep(0.05)
  os.kill(process.pid, signal.SIGKILL)
  process.wait()
  (left,) = tmp_path.glob("shapes/*/incomplete.*")
  with pytest.raises(FileNotFoundError, match="not prepared"):
    data.open("shapes", "train", tmp_path, **options)
  small = left.parent.with_name(
      datasets.builder("shapes", tmp_path, **OPTIONS).builder_config.name
  )
  left.parent.rename(small)
  datasets.prepare("shapes", tmp_path, **OPTIONS)
  assert [p.name for p in small.iterdir()] == ["1.0.0"]
  assert len(data.open("shapes", "train", tmp_path, **OPTIONS)) == 5


def test_two_builds_at_once_make_one_data_set(tmp_path):
  code = (
      "from segjax import data; "
      f"b = data.datasets.prepare('shapes', {str(tmp_path)!r}, **{OPTIONS}); "
      "assert b.info.splits['train'].num_examples == 5"
  )
  both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
  assert [p.wait() for p in both] == [0, 0]
  (folder,) = tmp_path.glob("shapes/*")
  assert [p.name for p in folder.iterdir()] == ["1.0.0"]


def overwrite(tmp_path):
  return datasets.prepare(
      "camvid", tmp_path / "data", tmp_path / "manual", overwrite=True
  )


def test_overwriting_replaces_a_data_set_that_stays_until_then(tmp_path):
  """A build that fails leaves the old one readable, and nothing else."""
  layouts.write_folder(tmp_path / "manual", layouts.camvid())
  datasets.prepare("camvid", tmp_path / "data", tmp_path / "manual")
  bad = {"train/a_3.png": layouts.png(np.zeros((12, 16, 3)))}
  layouts.write_folder(tmp_path / "manual", bad)
  with pytest.raises(FileNotFoundError, match=r"a_3.png has no mask"):
    overwrite(tmp_path)
  with pytest.raises(NotADirectoryError, match="no folder"):
    datasets.prepare("camvid", tmp_path / "data", "nowhere", overwrite=True)
  assert len(data.open("camvid", "train", tmp_path / "data")) == 2
  home = tmp_path / "data" / "camvid"
  assert [p.name for p in home.iterdir()] == ["1.0.0"]
  good = {"trainannot/a_3.png": layouts.png(layouts.mask(4))}
  layouts.write_folder(tmp_path / "manual", good)
  builder = overwrite(tmp_path)
  assert "train 3 (367)" in builder.notes[1]
  assert builder.info.splits["train"].num_examples == 3
  source = data.open("camvid", "train", tmp_path / "data")
  assert source[2]["id"] == "a_3"
  assert len(source.sizes) == 3
  assert [p.name for p in home.iterdir()] == ["1.0.0"]


KILLED = """
import os, pathlib, shutil
from segjax.data import datasets

rename, rmtree = pathlib.Path.rename, shutil.rmtree

def dies(self, target):
  if pathlib.Path(target).name == "1.0.0" and {before}:
    os._exit(9)
  return rename(self, target)

def removes(path, **kwargs):
  if pathlib.Path(path).name == "old.1.0.0" and pathlib.Path(path).exists():
    os._exit(9)
  return rmtree(path, **kwargs)

pathlib.Path.rename, shutil.rmtree = dies, removes
datasets.prepare("camvid", {data!r}, {manual!r}, overwrite=True)
"""


@pytest.mark.parametrize("before", (True, False))
def test_a_swap_that_is_killed_is_mended(tmp_path, before):
  """Between its two renames, or before the old data set is removed."""
  layouts.write_folder(tmp_path / "manual", layouts.camvid())
  datasets.prepare("camvid", tmp_path / "data", tmp_path / "manual")
  places = dict(data=f"{tmp_path}/data", manual=f"{tmp_path}/manual")
  code = KILLED.format(before=before, **places)
  assert subprocess.run([sys.executable, "-c", code]).returncode == 9
  home = tmp_path / "data" / "camvid"
  left = {p.name for p in home.iterdir()}
  there = {"old.1.0.0", "new.1.0.0"}
  assert left == (there if before else there | {"1.0.0"})
  datasets.prepare("camvid", tmp_path / "data")  # Needs no downloads.
  assert len(data.open("camvid", "train", tmp_path / "data")) == 2
  overwrite(tmp_path)
  assert [p.name for p in home.iterdir()] == ["1.0.0"]
