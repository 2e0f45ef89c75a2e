"""docs/backbones.md is what the code is."""

import functools

import pytest

from experiments import tables
from segjax import convert
from segjax.backbones import alexnet, mobilenet
from tests.convert import sources_test


@functools.cache
def rows():
  """The table's lines by their source."""
  lines = tables.PATH.read_text().splitlines()
  lines = [line for line in lines if line.startswith("| [")]
  return {line.split("`")[1]: line for line in lines}


def test_every_backbone_has_its_row():
  assert list(rows()) == tables.backbones(), "run python -m experiments.tables"


@pytest.mark.parametrize("name", tables.backbones())
def test_what_needs_no_tracing_is_up_to_date(name):
  """Family, file, paper, parameters and output strides of every row."""
  family, paper, _, parameters, *_, strides = (
      cell.strip() for cell in rows()[name].strip("|").split("|")
  )
  cls = type(convert.source(name).build(0))
  module = cls.__module__.rpartition(".")[2]
  assert family == f"[{cls.__name__}](../segjax/backbones/{module}.py)"
  assert (tables.PATH.parent / family.partition("(")[2][:-1]).is_file()
  assert tables.PAPERS[cls.__name__] in paper
  assert parameters == f"{sources_test.PARAMETERS[name][1]:,}"
  want = ", ".join(map(str, tables.output_strides(cls))) or "-"
  assert strides == want


@pytest.mark.parametrize(
    "name",
    (
        "torchvision/alexnet",
        "torchvision/resnet18",
        "torchvision/vgg16",
        "timm/mobilenetv1_100",
        "fyu/drn_d_22_cls",
    ),
)
def test_a_counted_row_is_up_to_date(name):
  """All of the row, of the networks that are quick to count."""
  assert rows()[name] == tables.row(name), "run python -m experiments.tables"


def test_multiply_adds_of_convolutions():
  """By hand for AlexNet; MobileNet's 569 million (Table 4) with its 1M of fc."""
  places = (55 * 55, 27 * 27, 13 * 13, 13 * 13, 13 * 13)
  kernels = (
      11 * 11 * 3 * 64,
      5 * 5 * 64 * 192,
      3 * 3 * 192 * 384,
      3 * 3 * 384 * 256,
      3 * 3 * 256 * 256,
  )
  want = sum(p * k for p, k in zip(places, kernels))
  assert tables.multiply_adds(alexnet.AlexNet()) == want
  ours = tables.multiply_adds(mobilenet.MobileNetV1())
  assert round((ours + 1024 * 1000) / 1e6) == 569
