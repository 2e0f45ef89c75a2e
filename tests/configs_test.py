"""Every config builds, and smoke runs train, evaluate and save.

SEGJAX_ALL=1 asks for the smoke run of every config, which takes 15 minutes.
"""

import json
import os
import pathlib
import subprocess
import sys

import jax
import pytest

from experiments import build
from experiments import config as config_lib

ROOT = pathlib.Path(__file__).parent.parent
CONFIGS = sorted(
    path.stem
    for path in (ROOT / "configs").glob("*.py")
    if path.stem != "common"
)
SETTINGS = {
    name: config_lib.load(str(ROOT / "configs" / f"{name}.py"))
    for name in CONFIGS
}


def losses(name):
  """The functions that a config's loss is made of."""
  loss = SETTINGS[name].loss
  own = [v for v in loss.aux.to_dict().values() if isinstance(v, dict)]
  return loss.name, len(own) < len(loss.aux), *sorted({x["name"] for x in own})


def chosen():
  """A config with each set of losses: networks and data have other tests."""
  return sorted({losses(name): name for name in CONFIGS}.values())


@pytest.mark.parametrize("name", CONFIGS)
def test_the_full_network_builds(name):
  """Every name and attribute exists, and the loss finds its outputs."""
  config = SETTINGS[name]
  labels = build.labels(config)
  model = build.model(config, len(labels))
  loss_fn = build.loss(config, len(labels))
  build.optimizer(config)
  build.preprocess(config)
  build.augment(config)

  def objective(key):
    image = jax.numpy.zeros((1, 97, 129, 3))
    outputs, _ = model.init_with_output(key, image, train=False)
    return loss_fn(outputs, jax.numpy.zeros((1, 97, 129), int))

  loss, terms = jax.eval_shape(objective, jax.random.key(0))
  assert loss.shape == ()
  assert "loss/logits" in terms


@pytest.mark.heavy
@pytest.mark.parametrize(
    "name",
    CONFIGS if "SEGJAX_ALL" in os.environ else chosen(),
)
def test_the_smoke_run_reaches_its_end(name, tmp_path):
  done = subprocess.run(
      [
          sys.executable,
          "-m",
          "experiments.train",
          f"--config=configs/{name}.py:smoke",
          f"--workdir={tmp_path / 'run'}",
          f"--config.dataset.data_dir={tmp_path / 'data'}",
      ],
      cwd=ROOT,
      capture_output=True,
      text=True,
      check=False,
  )
  assert done.returncode == 0, done.stdout + done.stderr
  lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
  last = json.loads(lines[-1])
  assert last["step"] == 3
  assert "eval/miou" in last


def test_an_unknown_option_lists_the_known():
  path = ROOT / "configs" / "unet_camvid.py"
  with pytest.raises(ValueError, match=r"no option 'gpu'; it has cpu, smoke"):
    config_lib.load(f"{path}:gpu")
