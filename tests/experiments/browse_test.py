"""The binary: sheets of a data set, and of what a config trains on."""

import numpy as np
from PIL import Image
import pytest

from segjax import data
from tests.experiments import running


def test_sheets_of_a_data_set_and_of_a_config(tmp_path):
  options = dict(size=32, train=7, validation=1, test=1)
  data.datasets.prepare("shapes", tmp_path, **options)
  flags = [f"--option={k}={v}" for k, v in options.items()]
  out, _ = running.run(
      "browse",
      "--dataset=shapes",
      f"--data_dir={tmp_path}",
      f"--output={tmp_path}/sheets",
      "--rows=4",
      "--split=train[1:]",
      "--height=64",
      *flags,
  )
  names = ["train_1_00000.png", "train_1_00004.png"]
  sheets = out.split("\n")[:-1]
  assert sheets == [f"{tmp_path}/sheets/{name}" for name in names]
  with Image.open(sheets[1]) as sheet:
    assert sheet.size[1] >= 2 * (18 + 64 + 6)
  out, _ = running.run(
      "browse",
      "--config=configs/shapes.py:smoke",
      f"--data_dir={tmp_path}/config",
      f"--output={tmp_path}/config",
      "--limit=2",
      "--augmented=4",
  )
  with Image.open(out.rstrip()) as sheet:
    pixels = np.asarray(sheet)
  # Six pictures and not a white page.
  assert pixels.shape[1] >= 6 * 160
  assert np.mean(np.all(pixels == 255, -1)) < 0.5


@pytest.mark.parametrize(
    "flags, message",
    [
        ([], "needs a --dataset or a --config, not both"),
        (["--dataset=shapes", "--config=x.py"], "not both"),
        (["--dataset=shapse"], "Did you mean 'shapes'"),
        (["--config=configs/x.py"], "no config 'configs/x.py'"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, flags, message):
  out, err = running.run("browse", *flags, f"--output={tmp_path}/x", status=1)
  assert not out
  assert message in err
  assert err.count("\n") == 1
  assert not (tmp_path / "x").exists()
