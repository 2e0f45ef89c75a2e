r"""Writes docs/backbones.md, the table of all backbones.

  python -m experiments.tables

Its numbers are counted, not copied: parameters and operations from shapes, the
receptive field from the traced program (`experiments.receptive_field`).
"""

import dataclasses
import functools
import pathlib
import re
import sys

from flax import linen as nn
import jax
import jax.numpy as jnp
import tqdm

from experiments import cli
from experiments import receptive_field as receptive_fields
from segjax import convert, layers
from segjax.backbones import strides

PATH = pathlib.Path(__file__).parent.parent / "docs" / "backbones.md"

PAPERS = {
    # class: arXiv number
    "AlexNet": "1404.5997",
    "GoogLeNet": "1409.4842",
    "VGG": "1409.1556",
    "ResNet": "1512.03385",
    "DenseNet": "1608.06993",
    "MobileNetV1": "1704.04861",
    "MobileNetV2": "1801.04381",
    "MobileNetV3": "1905.02244",
    "Xception": "1610.02357",
    "AlignedXception": "1802.02611",
    "NASNet": "1707.07012",
    "DRN": "1705.09914",
    "HRNet": "1908.07919",
}
"""In the order of the table."""

_HEAD = """\
# Backbones

Each is a feature extractor, image -> `{"c1": ..., "c5": ...}`, in one file of
[segjax/backbones](../segjax/backbones), and gives the numbers of its public checkpoint:

    model, variables = convert.load("torchvision/resnet50", "resnet50.pth")

- **parameters**: of the backbone, without its classifier.
- **GFLOPs**: of the convolutions at 224 x 224, at the source's own output stride; a
  multiplication and an addition count as two, so papers that count them as one state half.
- **receptive field**: image rows that a feature of `c5` can depend on; "all" where
  squeeze-and-excite averages over the image.
- **output strides**: the legal values of `output_stride`; a dash where the class has none, and its
  strides are 2 to 32.

Written by `python -m experiments.tables`; a test holds it to the code.

"""

_COLUMNS = (
    "family",
    "paper",
    "source",
    "parameters",
    "GFLOPs",
    "receptive field",
    "output strides",
)


def backbones() -> list[str]:
  """The sources that are backbones, in the order of the table."""
  order = list(PAPERS)
  names = [
      name
      for name in convert.sources()
      if not convert.source(name).classes
      and _class(name).__module__.startswith("segjax.backbones.")
  ]

  def key(name):
    # Numbers as numbers: ResNet-18 comes before ResNet-101.
    parts = [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)]
    return order.index(_class(name).__name__), parts

  return sorted(names, key=key)


def row(name: str) -> str:
  """A source's line of the table."""
  model, cls = _model(name), _class(name)
  module = cls.__module__.rpartition(".")[2]
  image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  init = functools.partial(model.init, train=False)
  params = jax.eval_shape(init, jax.random.key(0), image)["params"]
  rows = receptive_fields.receptive_field(model)
  paper = PAPERS[cls.__name__]
  cells = (
      f"[{cls.__name__}](../segjax/backbones/{module}.py)",
      f"[{paper}](https://arxiv.org/abs/{paper})",
      f"`{name}`",
      f"{sum(x.size for x in jax.tree.leaves(params)):,}",
      f"{2 * multiply_adds(model) / 1e9:.2f}",
      "all" if rows is None else f"{rows:,}",
      ", ".join(map(str, output_strides(cls))) or "-",
  )
  return f"| {' | '.join(cells)} |"


def output_strides(cls: type[nn.Module]) -> tuple[int, ...]:
  """The values that a class's `output_stride` may have."""
  if "output_stride" not in {f.name for f in dataclasses.fields(cls)}:
    return ()
  module = sys.modules[cls.__module__]
  return getattr(module, "OUTPUT_STRIDES", strides.OUTPUT_STRIDES)


def multiply_adds(model: nn.Module, size: int = 224) -> int:
  """Of all convolutions of a backbone on one square image, from shapes."""
  total = 0

  def count(call, args, kwargs, context):
    nonlocal total
    y = call(*args, **kwargs)
    if isinstance(context.module, layers.Conv):
      kernel = context.module.variables["params"]["kernel"]
      total += y.size // y.shape[-1] * kernel.size
    return y

  image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
  with nn.intercept_methods(count):
    init = functools.partial(model.init, train=False)
    jax.eval_shape(init, jax.random.key(0), image)
  return total


def _model(name):
  return convert.source(name).build(0)


def _class(name):
  return type(_model(name))


def main() -> None:
  """Writes the table.

  Raises:
    ValueError: there are arguments.
  """
  rule = " | ".join("---" for _ in _COLUMNS)
  lines = [f"| {' | '.join(_COLUMNS)} |", f"| {rule} |"]
  lines += [row(name) for name in tqdm.tqdm(backbones(), unit="network")]
  PATH.write_text(_HEAD + "\n".join(lines) + "\n")
  print(f"{PATH.name}: {len(lines) - 2} networks")


if __name__ == "__main__":
  cli.run(main)
