"""`python -m experiments.benchmark`: figures that are true, a page of them."""

import functools
import json
import pathlib
import subprocess
import sys

from flax import linen as nn
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import benchmark, measure, performance
from segjax import layers, losses
from segjax.backbones import resnet

ROOT = pathlib.Path(__file__).parent.parent.parent


class OneConv(nn.Module):
  """A network whose cost can be counted by hand."""

  num_classes: int = 5

  @nn.compact
  def __call__(self, image, *, train):
    conv = layers.Conv(self.num_classes, 3, padding=0, name="conv")
    y = conv(image)
    return {"logits": jnp.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0)))}


ONE = measure.Subject(
    "one",
    OneConv(),
    5,
    losses.combine({"logits": (losses.cross_entropy, 1.0)}),
    optax.sgd(0.1),
    dict(preprocess=lambda image: image / 255),
)
small = functools.partial(measure.measure, size=(34, 18), batch=2)


def test_the_figures_are_those_of_the_network():
  found = small(ONE, repetitions=3, train=True)
  assert found["parameters"] == 3 * 3 * 3 * 5 + 5
  positions = 2 * 32 * 16 * 5
  flops = found["forward"]["flops"]
  assert 0.9 < flops / (positions * (2 * 27 + 1)) < 1.2
  assert found["train"]["flops"] > 1.5 * flops
  memory = found["forward"]["memory"]
  assert memory["arguments"] == 4 * (found["parameters"] + 2 * 34 * 18 * 3)
  assert memory["outputs"] >= 4 * 2 * 34 * 18 * 5
  for part in ("forward", "train"):
    seconds = found[part]["seconds"]
    assert 0 < seconds["min"] <= seconds["median"] <= seconds["max"]
    assert found[part]["repetitions"] == 3
    assert found[part]["images_per_second"] == 2 / seconds["median"]
  json.dumps(found)


def test_a_backbone_has_a_training_step_too():
  subject = benchmark.subject("torchvision/resnet18")
  model = resnet.ResNet((1, 1, 1, 1), bottleneck=False, width=4)
  subject = measure.dataclasses.replace(subject, model=model)
  assert small(subject, repetitions=1, train=True)["train"]["flops"] > 0


def test_a_peer_is_timed_beside_us():
  torch_peer = pytest.importorskip("experiments.torch_peer")
  found = small(ONE, repetitions=2, peer=torch_peer.Peer)
  peer = found["peer"]
  assert peer["parameters"] == found["parameters"]
  assert peer["largest_difference"] < 1e-5
  medians = found["forward"]["seconds"]["median"], peer["seconds"]["median"]
  assert peer["ratio"] == medians[0] / medians[1]


@pytest.mark.parametrize("peer_folded", (False, True))
def test_inference_is_of_the_folded_network(peer_folded):
  """The peer's is the network as it was, if it is not asked to fold too."""
  torch_peer = pytest.importorskip("experiments.torch_peer")
  model = resnet.ResNet((1, 1, 1, 1), bottleneck=False, width=4)
  subject = measure.dataclasses.replace(ONE, model=model)
  found = small(
      subject,
      repetitions=1,
      fold=True,
      peer=torch_peer.Peer,
      peer_folded=peer_folded,
  )
  assert found["folded"]
  assert found["peer"]["folded"] == peer_folded
  # Of each norm's scale, bias, mean and variance one vector is left.
  widths = 4 * (1 + 2) + 8 * 3 + 16 * 3 + 32 * 3
  assert found["parameters"] - found["peer"]["parameters"] == (
      widths * peer_folded
  )
  plain = small(subject, repetitions=1)
  assert not plain["folded"]
  saved = plain["forward"]["memory"]["arguments"]
  saved -= found["forward"]["memory"]["arguments"]
  assert saved == 4 * 3 * widths
  assert ", folded" in performance.row(found)


def test_a_peer_that_computes_something_else_is_an_error():
  torch = pytest.importorskip("torch")

  class Wrong:
    parameters = 0

    def __init__(self, infer, variables, shape):
      self.shape = (*shape[:3], 5)

    def __call__(self, image):
      return {"logits": torch.ones(self.shape)}

  with pytest.raises(ValueError, match=r"one: the peer's outputs are up to"):
    small(ONE, repetitions=1, peer=Wrong)


def test_drawn_weights_keep_activations_in_range():
  model = resnet.ResNet((2, 2, 2, 2), width=16)
  variables = measure.draw_variables(model, (1, 65, 65, 3))
  image = np.random.default_rng(0).standard_normal((1, 65, 65, 3), np.float32)
  for name, x in model.apply(variables, image, train=False).items():
    assert 0.1 < float(jnp.std(x)) < 100, name


@pytest.mark.parametrize(
    "values, names",
    (
        (["resnet50,timm/xception65"], ["resnet50", "timm/xception65"]),
        (["a", "configs/x.py:cpu,b=1"], ["a", "configs/x.py:cpu,b=1"]),
        (["configs/x.py, configs/y.py"], ["configs/x.py", "configs/y.py"]),
        (["segmentation,a"], [*benchmark.SEGMENTATION, "a"]),
    ),
)
def test_names_are_parted_by_commas_and_options_are_not(values, names):
  assert benchmark.split(values) == names


def test_a_name_is_completed_where_only_one_source_has_it():
  subject = benchmark.subject("mobilenet_v2")
  assert subject.name == "torchvision/mobilenet_v2"


def test_a_config_is_measured_as_it_trains():
  subject = benchmark.subject(str(ROOT / "configs/shapes.py") + ":smoke")
  found = small(subject, repetitions=1, train=True)
  assert found["train"]["flops"] > found["forward"]["flops"]


def run(*flags):
  return subprocess.run(
      [sys.executable, "-m", "experiments.benchmark", *flags],
      cwd=ROOT,
      capture_output=True,
      text=True,
      check=False,
  )


def test_the_binary_writes_json_and_a_table_and_the_page_shows_it(tmp_path):
  output = tmp_path / "results" / "small.json"
  model = "configs/shapes.py:smoke"
  flags = (f"--models={model}", "--size=32", "--repetitions=1")
  done = run(*flags, "--train", "--threads=1", f"--output={output}")
  assert done.returncode == 0, done.stderr
  results = json.loads(output.read_text())
  assert results["cores"] == 1
  assert f"--models={model} --size=32" in results["command"]
  assert {"jax", "python", "segjax"} <= results["versions"].keys()
  (found,) = results["models"]
  assert found["name"] == model
  assert performance.row(found) in done.stdout
  page = tmp_path / "page.md"
  done = run(f"--results={output.parent}", f"--page={page}")
  assert done.returncode == 0, done.stderr
  text = page.read_text()
  assert "## small" in text
  assert performance.row(found) in text
  assert results["command"] in text


@pytest.mark.parametrize(
    "flags, message",
    (
        ((), "--models is missing"),
        (("--models=resnet51",), "no checkpoint source is named 'resnet51'"),
        (("--models=configs/none.py",), "there is no config"),
        (("--models=resnet50", "--size=512,x"), "HEIGHT,WIDTH"),
        (("--models=resnet50", "--threads=999"), "there are"),
        (("--page=x.md", "--results=nowhere"), "there is no result"),
    ),
)
def test_a_mistake_is_one_line_and_status_1(flags, message):
  done = run(*flags)
  assert done.returncode == 1
  assert message in done.stderr
  assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_the_page_in_docs_is_what_the_results_say():
  folder, page = ROOT / "benchmarks", ROOT / "docs" / "performance.md"
  assert page.exists() == any(folder.glob("*.json"))
  if page.exists():
    assert page.read_text() == performance.page(folder)
