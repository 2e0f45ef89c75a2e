"""`python -m experiments.convert`, as a user calls it."""

import json
import pathlib
import subprocess
import sys

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from segjax import convert
from tests.convert import golden

ROOT = pathlib.Path(__file__).parent.parent.parent
SOURCE = "torchvision/mobilenet_v2"


def run(*arguments):
  return subprocess.run(
      [sys.executable, "-m", "experiments.convert", *arguments],
      cwd=ROOT,
      capture_output=True,
      text=True,
      check=False,
  )


@pytest.fixture(scope="module")
def tensors():
  path = golden.FOLDER / f"{SOURCE.replace('/', '__')}.npz"
  return golden.load(path).tensors()


@pytest.fixture(scope="module")
def checkpoint(tensors, tmp_path_factory):
  path = tmp_path_factory.mktemp("checkpoint") / "weights.npz"
  np.savez(path, **tensors)
  return path


def test_writes_what_load_gives(checkpoint, tensors, tmp_path):
  done = run(
      f"--source={SOURCE}",
      f"--checkpoint={checkpoint}",
      f"--output={tmp_path / 'out'}",
  )
  assert done.returncode == 0, done.stderr
  _, want = convert.load(SOURCE, tensors)
  with ocp.StandardCheckpointer() as checkpointer:
    got = checkpointer.restore(tmp_path / "out" / "variables", want)
  assert jax.tree.all(jax.tree.map(np.array_equal, got, dict(want)))
  about = json.loads((tmp_path / "out" / "model.json").read_text())
  assert about == {
      "source": SOURCE,
      "num_classes": None,
      "parameters": 1_811_712,
      "preprocess": "imagenet",
      "protocol": "",
      "dataset": "",
  }


@pytest.mark.parametrize(
    "change, message",
    (
        ({"source": "torchvision/mobilenet_v9"}, "torchvision/mobilenet_v2"),
        ({"source": "torchvision/resnet18"}, "no tensor 'conv1.weight'"),
        ({"checkpoint": "no-such.pth"}, "no checkpoint file 'no-such.pth'"),
        ({"output": ""}, "--output is missing"),
        (
            {"source": "semseg/pspnet50", "checkpoint": ""},
            "get one from github.com/hszhao/semseg",
        ),
    ),
)
def test_a_mistake_is_one_line_and_status_1(
    change, message, checkpoint, tmp_path
):
  given = {
      "source": SOURCE,
      "checkpoint": checkpoint,
      "output": tmp_path / "out",
  }
  done = run(*(f"--{k}={v}" for k, v in (given | change).items()))
  assert done.returncode == 1
  assert message in done.stderr
  assert "Traceback" not in done.stderr
  assert done.stderr.startswith("error:")
  assert not (tmp_path / "out").exists()


def test_an_existing_checkpoint_is_not_overwritten(checkpoint, tmp_path):
  (tmp_path / "variables").mkdir()
  done = run(
      f"--source={SOURCE}",
      f"--checkpoint={checkpoint}",
      f"--output={tmp_path}",
  )
  assert done.returncode == 1
  assert "exists; choose another --output" in done.stderr
