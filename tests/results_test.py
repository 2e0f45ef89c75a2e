"""Every figure of the README's results table is in a file beside it."""

import json
import pathlib
import re

import numpy as np

from segjax import metrics

ROOT = pathlib.Path(__file__).parent.parent
RUN = ROOT / "results" / "unet_camvid_cpu"


def test_the_camvid_row_is_the_evaluation_of_its_run():
  readme = (ROOT / "README.md").read_text()
  row = re.search(r"\| CamVid val \| \*\*([\d.]+) mIoU\*\*, ([\d.]+)", readme)
  report = json.loads((RUN / "evaluation.json").read_text())
  assert [float(row[1]), float(row[2])] == [
      round(100 * report["miou"], 1),
      round(100 * report["pixel_accuracy"], 1),
  ]
  assert report["protocol"]["images"] == 101
  assert report["protocol"]["split"] == "validation"


def test_the_evaluation_follows_from_its_confusion_matrix():
  report = json.loads((RUN / "evaluation.json").read_text())
  counts = np.array(report["confusion_matrix"])
  summary = metrics.summarize(counts, tuple(report["iou"]))
  for name, value in summary.items():
    assert report[name] == value, name
  assert counts.sum() < 101 * 360 * 480, "void was counted"


def test_the_log_ends_with_the_evaluated_step():
  lines = (RUN / "metrics.jsonl").read_text().splitlines()
  report = json.loads((RUN / "evaluation.json").read_text())
  last = json.loads(lines[-1])
  assert last["step"] == report["protocol"]["step"]
  np.testing.assert_allclose(last["eval/miou"], report["miou"])
