"""`python -m experiments.benchmark`: figures that are true, a page of them."""

import functools
import json

from absl import flags
from absl.testing import flagsaver
import pytest

from experiments import benchmark, measure, performance, subjects
from segjax.backbones import resnet
from tests.experiments import running

ROOT = running.ROOT
small = functools.partial(measure.measure, size=(34, 18), batch=2)


def test_a_backbone_has_a_training_step_too():
  subject = benchmark.subject("torchvision/resnet18")
  model = resnet.ResNet((1, 1, 1, 1), bottleneck=False, width=4)
  subject = subjects.dataclasses.replace(subject, model=model)
  assert small(subject, repetitions=1, train=True)["train"]["flops"] > 0


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


@pytest.fixture
def binary():
  """Calls the binary here, with flags as they come from a command line."""

  def call(*values):
    flags.FLAGS(["benchmark", *values])
    benchmark.main()

  with flagsaver.flagsaver():
    yield call


def test_the_binary_writes_json_and_a_table_and_the_page_shows_it(
    binary, tmp_path
):
  output = tmp_path / "results" / "small.json"
  model = "configs/shapes.py:smoke"
  flags = (f"--models={model}", "--size=32", "--repetitions=1")
  text, _ = running.run(
      "benchmark", *flags, "--train", "--threads=1", f"--output={output}"
  )
  results = json.loads(output.read_text())
  assert results["cores"] == 1
  assert f"--models={model} --size=32" in results["command"]
  assert {"jax", "python", "segjax"} <= results["versions"].keys()
  (found,) = results["models"]
  assert found["name"] == model
  assert performance.row(found) in text
  page = tmp_path / "page.md"
  binary(f"--results={output.parent}", f"--page={page}")
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
def test_a_mistake_says_what_is_wrong(binary, flags, message):
  with pytest.raises((ValueError, FileNotFoundError), match=message):
    binary(*flags)


def test_a_mistake_is_one_line_and_status_1():
  flags = ("--models=resnet50", "--size=512,x")
  _, errors = running.run("benchmark", *flags, status=1)
  assert len(errors.strip().splitlines()) == 1, errors


def test_a_network_that_fails_leaves_the_others(binary, tmp_path, monkeypatch):
  """Each network is in the file before the next one begins."""
  output, measured = tmp_path / "out" / "x.json", []
  found = json.loads((ROOT / "benchmarks/inference_512_cpu.json").read_text())
  found = found["models"][0]

  def measure_(subject, **_):
    if measured:
      names = [m["name"] for m in json.loads(output.read_text())["models"]]
      assert names == measured
    measured.append(subject.name)
    if len(measured) == 2:
      raise MemoryError("of a | GPU")
    return found | {"name": subject.name}

  monkeypatch.setattr(measure, "measure", measure_)
  config = str(ROOT / "configs/shapes.py") + ":smoke"
  names = [f"--models={config}"] * 3
  with pytest.raises(ValueError, match=r"1 failed: .*MemoryError: of a"):
    binary(*names, "--size=32", f"--output={output}")
  models = json.loads(output.read_text())["models"]
  assert ["error" in one for one in models] == [False, True, False]
  assert "failed: MemoryError: of a \\| GPU" in performance.row(models[1])
  assert not list(output.parent.glob("*.partial"))
