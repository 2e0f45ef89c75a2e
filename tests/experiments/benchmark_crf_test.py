"""The dense CRF's own benchmark."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def run(*arguments):
  return subprocess.run(
      [sys.executable, "-m", "experiments.benchmark_crf", *map(str, arguments)],
      cwd=ROOT,
      capture_output=True,
      text=True,
      check=False,
  )


def test_it_writes_what_it_measured(tmp_path):
  output = tmp_path / "crf.json"
  done = run(
      "--size=24,32",
      "--num_classes=3",
      "--iterations=2",
      "--repetitions=2",
      "--threads=1",
      f"--output={output}",
  )
  assert done.returncode == 0, done.stderr
  report = json.loads(output.read_text())
  assert json.loads(done.stdout) == report
  assert report["size"] == [24, 32]
  assert report["classes"] == 3
  assert report["cores"] == 1
  assert 0 < report["seconds_least"] <= report["seconds_median"]


def test_a_picture_that_is_none_is_named():
  done = run("--image=nowhere.png")
  assert done.returncode != 0
  assert "--image=nowhere.png is no picture" in done.stderr
