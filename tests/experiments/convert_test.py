"""`python -m experiments.convert`, as a user calls it."""

import json
import pickle

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from segjax import convert
from tests.convert import golden, read_test
from tests.experiments import running

SOURCE = "torchvision/mobilenet_v2"


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
  running.run(
      "convert",
      f"--source={SOURCE}",
      f"--checkpoint={checkpoint}",
      f"--output={tmp_path / 'out'}",
  )
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
        (
            {"checkpoint": "tests"},
            "tests is no file that a checkpoint could be",
        ),
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
  flags = (f"--{k}={v}" for k, v in (given | change).items())
  _, complaint = running.run("convert", *flags, status=1)
  assert complaint.startswith("error:")
  assert message in complaint
  assert complaint.count("\n") == 1
  assert not (tmp_path / "out").exists()


def test_an_existing_checkpoint_is_not_overwritten(checkpoint, tmp_path):
  (tmp_path / "variables").mkdir()
  _, complaint = running.run(
      "convert",
      f"--source={SOURCE}",
      f"--checkpoint={checkpoint}",
      f"--output={tmp_path}",
      status=1,
  )
  assert "exists; choose another --output" in complaint


def test_a_harmful_file_is_refused_on_one_line(tmp_path):
  """Whatever it is called; nothing of it is run and nothing is written."""
  path = tmp_path / "evil\n窓.pth"
  path.write_bytes(pickle.dumps({"a": read_test.Evil(tmp_path / "trace")}))
  flags = (f"--checkpoint={path}", f"--output={tmp_path / 'out'}")
  _, complaint = running.run("convert", f"--source={SOURCE}", *flags, status=1)
  assert complaint.startswith("error:")
  assert "evil 窓.pth: refused" in complaint
  assert complaint.count("\n") == 1
  assert list(tmp_path.iterdir()) == [path]
