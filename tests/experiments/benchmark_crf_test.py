"""The dense CRF's own benchmark."""

import json

from tests.experiments import running


def test_it_writes_what_it_measured(tmp_path):
  output = tmp_path / "crf.json"
  printed, _ = running.run(
      "benchmark_crf",
      "--size=24,32",
      "--num_classes=3",
      "--iterations=2",
      "--repetitions=2",
      "--threads=1",
      f"--output={output}",
  )
  report = json.loads(output.read_text())
  assert json.JSONDecoder().raw_decode(printed)[0] == report
  assert report["size"] == [24, 32]
  assert report["classes"] == 3
  assert report["cores"] == 1
  assert 0 < report["seconds_least"] <= report["seconds_median"]


def test_a_picture_that_is_none_is_named():
  _, complaint = running.run("benchmark_crf", "--image=nowhere.png", status=1)
  assert complaint.endswith("error: --image=nowhere.png is no picture\n")
