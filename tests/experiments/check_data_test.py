"""The binary: its report, and an exit status that a script can trust."""

import json

from segjax import data
from tests.data.datasets import layouts
from tests.experiments import running


def test_a_prepared_data_set_without_fault_has_status_0(tmp_path):
  options = dict(size=32, train=70, validation=3, test=2, num_classes=4)
  data.datasets.prepare("shapes", tmp_path, **options)
  flags = [f"--option={k}={v}" for k, v in options.items()]
  report = tmp_path / "report.json"
  out, err = running.run(
      "check_data",
      "--dataset=shapes",
      f"--data_dir={tmp_path}",
      f"--output={report}",
      *flags,
  )
  assert not err
  assert "train: 70 images; 32 x 32 (70)" in out
  assert "unreadable: 0\nwrong size: 0\nwrong label: 0\nduplicate: 0" in out
  content = json.loads(report.read_text())
  assert list(content["splits"]) == ["test", "train", "validation"]
  assert sum(map(len, content["problems"].values())) == 0


def test_every_bad_file_of_the_downloads_is_named_with_status_1(tmp_path):
  """Where `prepare` would stop at the first."""
  files = layouts.camvid()
  files["train/a_1.png"] = files["train/a_1.png"][:-20]
  files["trainannot/a_2.png"] = layouts.png(layouts.mask(12, 30))
  files["valannot/b_1.png"] = layouts.png(layouts.mask(1, w=17))
  layouts.write_folder(tmp_path, files)
  out, err = running.run(
      "check_data", "--dataset=camvid", f"--manual_dir={tmp_path}", status=1
  )
  assert err == "error: 3 problem(s) in the data set camvid.\n"
  assert "unreadable: 1\n  train: " in out
  assert "train/a_1.png is not an intact PNG" in out
  assert "wrong label: 1\n  train: " in out
  assert "trainannot/a_2.png has label 12, 30; possible are 0..11" in out
  assert "wrong size: 1\n  validation: " in out


def test_an_unknown_split_is_named(tmp_path):
  layouts.write_folder(tmp_path, layouts.camvid())
  flags = "--dataset=camvid", f"--manual_dir={tmp_path}", "--split=tset"
  out, err = running.run("check_data", *flags, status=1)
  assert not out
  assert err == "error: camvid has no split 'tset': train, validation.\n"
