r"""Writes docs/models.md: a row for each paper and data set.

  python -m experiments.model_tables

A row is read off a config: its docstring states the paper and its number, its
network is counted from shapes.
"""

import dataclasses
import functools
import importlib
import inspect
import pathlib
import re

from flax import linen as nn
import jax
import jax.numpy as jnp
import tqdm

from experiments import build, cli
from segjax import convert, layers

ROOT = pathlib.Path(__file__).parent.parent
PATH = ROOT / "docs" / "models.md"
SIZE = 512

_TITLE = re.compile(r"(?P<what>.+?) \((?P<source>[^()]*)\)\.")
_PARTS = re.compile(
    r"Paper: (?P<paper>.+)\. Ours: (?P<ours>.+)\. Cost: (?P<cost>.+)\."
)
_ARXIV = re.compile(r"arXiv:([\w./-]*\w)")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")

_HEAD = f"""\
# Networks

A row for each paper and data set: its file, its config, what the paper states and under which
protocol, and what we measured. `not run yet` means that nobody has run the config; the command
stands in its docstring.

- **parameters**: with the classes of the row's data set and with auxiliary heads.
- **GFLOPs**: of the convolutions at {SIZE} x {SIZE}, auxiliary heads included; a multiplication and an
  addition count as two, so papers that count them as one state half.
- **sources**: checkpoints that `convert.load` reads for this network.

Written by `python -m experiments.model_tables`; a test holds it to the configs and the code.

"""

_COLUMNS = (
    "network and data",
    "paper",
    "year",
    "file",
    "config",
    "the paper's number",
    "ours",
    "parameters",
    "GFLOPs",
    "sources",
)


@dataclasses.dataclass(frozen=True)
class Statement:
  """What a config's docstring says.

  Attributes:
    what: the network and the data set.
    source: authors, year, arXiv number or venue, and place in the paper.
    paper: its number and protocol.
    ours: what we measured, or "not run yet".
    cost: of the run.
  """

  what: str
  source: str
  paper: str
  ours: str
  cost: str

  @property
  def year(self) -> str:
    return _YEAR.search(_ARXIV.sub("", self.source)).group()

  @property
  def link(self) -> str:
    return _ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", self.source)


def names() -> list[str]:
  """The configs, without what they share."""
  paths = sorted((ROOT / "configs").glob("*.py"))
  return [p.stem for p in paths if p.stem not in ("common", "__init__")]


def statement(name: str) -> Statement:
  """Reads a config's docstring.

  Raises:
    ValueError: it is not of the form that the others have.
  """
  doc = inspect.getdoc(importlib.import_module(f"configs.{name}"))
  paragraphs = [" ".join(text.split()) for text in doc.split("\n\n")]
  title = _TITLE.fullmatch(paragraphs[0])
  text = next((p for p in paragraphs if p.startswith("Paper: ")), "")
  parts = _PARTS.fullmatch(text)
  if not title or not _YEAR.search(_ARXIV.sub("", title["source"])):
    raise ValueError(
        f"configs/{name}.py: the docstring begins with {paragraphs[0]!r}, not"
        " with 'Network on data (Authors year, arXiv:number, place).'"
    )
  if not parts:
    raise ValueError(
        f"configs/{name}.py: the docstring has no paragraph 'Paper: ... Ours:"
        f" ... Cost: ...', only {text!r}"
    )
  return Statement(**title.groupdict(), **parts.groupdict())


def network(name: str) -> nn.Module:
  """The network of a config at full size."""
  config = importlib.import_module(f"configs.{name}").get_config()
  return build.model(config, len(build.labels(config)))


def sources(model: nn.Module) -> list[str]:
  """The checkpoint sources of a network's class."""
  return _sources().get(type(model), [])


@functools.cache
def _sources():
  found = {}
  for name in convert.sources():
    cls = type(convert.source(name).build(2))
    found.setdefault(cls, []).append(name)
  return found


def counts(model: nn.Module, size: int = SIZE) -> tuple[int, int]:
  """Parameters, and multiply-adds of all convolutions on one square image."""
  total = 0

  def count(call, args, kwargs, context):
    nonlocal total
    y = call(*args, **kwargs)
    if isinstance(context.module, layers.Conv | layers.ConvTranspose):
      kernel = context.module.variables["params"]["kernel"]
      forward = isinstance(context.module, layers.Conv)
      places = y if forward else args[0]
      total += places.size // places.shape[-1] * kernel.size
    return y

  image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
  with nn.intercept_methods(count):
    init = functools.partial(model.init, train=False)
    params = jax.eval_shape(init, jax.random.key(0), image)["params"]
  return sum(x.size for x in jax.tree.leaves(params)), total


def row(name: str) -> str:
  """A config's line of the table."""
  said, model = statement(name), network(name)
  parameters, multiply_adds = counts(model)
  module = type(model).__module__.rpartition(".")[2]
  cells = (
      said.what,
      said.link,
      said.year,
      f"[{module}](../segjax/models/{module}.py)",
      f"[{name}](../configs/{name}.py)",
      said.paper,
      said.ours,
      f"{parameters:,}",
      f"{2 * multiply_adds / 1e9:,.1f}",
      ", ".join(f"`{source}`" for source in sources(model)) or "-",
  )
  return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def main() -> None:
  """Writes the table, oldest papers first.

  Raises:
    ValueError: there are arguments, or a docstring is of another form.
  """
  order = sorted(names(), key=lambda name: (statement(name).year, name))
  rule = " | ".join("---" for _ in _COLUMNS)
  lines = [f"| {' | '.join(_COLUMNS)} |", f"| {rule} |"]
  lines += [row(name) for name in tqdm.tqdm(order, unit="network")]
  PATH.write_text(_HEAD + "\n".join(lines) + "\n")
  print(f"{PATH.name}: {len(order)} rows")


if __name__ == "__main__":
  cli.run(main)
