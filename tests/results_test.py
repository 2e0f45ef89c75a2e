"""Every figure of the README's results table is in a file beside it."""

import json
import pathlib
import re

import numpy as np
import pytest

from segjax import metrics

ROOT = pathlib.Path(__file__).parent.parent
RUNS = sorted(path.name for path in (ROOT / "results").iterdir())


def evaluation(run):
  return json.loads((ROOT / "results" / run / "evaluation.json").read_text())


def row(data):
  """The numbers of the column "ours" in the table's row of this data."""
  readme = (ROOT / "README.md").read_text()
  ours = re.search(rf"\| {data} \| ([^|]*) \|", readme)[1]
  return [float(number) for number in re.findall(r"\d+\.\d", ours)]


def test_the_camvid_row_is_the_evaluation_of_its_run():
  report = evaluation("unet_camvid_cpu")
  figures = report["miou"], report["pixel_accuracy"]
  assert row("CamVid val") == [round(100 * figure, 1) for figure in figures]
  assert report["protocol"]["images"] == 101
  assert report["protocol"]["split"] == "validation"
  counted = np.sum(report["confusion_matrix"])
  assert counted < 101 * 360 * 480, "void was counted"


def test_the_row_of_the_demo_is_the_evaluation_of_its_run():
  report = evaluation("shapes")
  assert row("shapes test") == [round(100 * report["miou"], 1)]
  assert report["protocol"]["split"] == "test"


@pytest.mark.parametrize("run", RUNS)
def test_an_evaluation_follows_from_its_confusion_matrix(run):
  report = evaluation(run)
  counts = np.array(report["confusion_matrix"])
  summary = metrics.summarize(counts, tuple(report["iou"]))
  assert {"miou", "pixel_accuracy", "class_accuracy", "fwiou"} <= report.keys()
  for name in summary.keys() & report.keys():  # `mdice` is younger than some.
    assert report[name] == summary[name], name


@pytest.mark.parametrize("run", RUNS)
def test_the_log_ends_with_the_evaluated_step(run):
  lines = (ROOT / "results" / run / "metrics.jsonl").read_text().splitlines()
  last = json.loads(lines[-1])
  assert last["step"] == evaluation(run)["protocol"]["step"]
  assert "eval/miou" in last
