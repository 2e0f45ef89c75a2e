"""Starts a run from public weights, or from those of another run."""

import collections
from collections.abc import Iterable, Mapping
import os

from flax import traverse_util
import jax
from jaxtyping import Array
import numpy as np

from experiments import trained as trained_lib
from segjax import convert
from segjax.training import state as state_lib

Flat = Mapping[str, np.ndarray | Array]
"""A leaf's path, such as "params/backbone/conv1/conv/kernel" -> the leaf."""


def warm_start(
    state: state_lib.TrainState,
    source: str = "",
    file: str | os.PathLike[str] = "",
    run: str | os.PathLike[str] = "",
) -> state_lib.TrainState:
  """A state with the weights of a checkpoint in the place of fresh ones.

  A classifier's checkpoint fills the model's backbone, all of it. That of a
  whole model fills what has the same name, and the backbone, if there is one,
  completely; a classifier for another number of classes stays fresh, and so do
  the scale and the statistics of a BatchNorm that the checkpoint has folded into
  a convolution and a bias. What stays fresh and what is left over is printed.

  Args:
    state: fresh.
    source: what the checkpoint is, one of `convert.sources()`.
    file: .safetensors, .npz or .pth; "" downloads the official one.
    run: in the source's place, the workdir of a run, such as the stage of
      training before this one: its best checkpoint, read as a whole model's.

  Raises:
    FileNotFoundError: there is no such file or run.
    OSError: the official file cannot be downloaded.
    ValueError: no such source, or the checkpoint does not fit it or the model;
      the message has the leaves that are missing, or both shapes.
  """
  if run:
    trained = trained_lib.load(run, "best")
    module, variables = trained.model, trained.variables
    whole, dropped, source = True, [], f"the run {run}"
  else:
    whole = convert.source(source).classes is not None
    tensors = convert.read(file or convert.download(source))
    module, variables = convert.load(source, tensors)
    dropped = convert.dropped(source, tensors)
  wanted = _flat({"params": state.params, "batch_stats": state.batch_stats})
  given = _flat(variables)
  if not whole:
    given = {p.replace("/", "/backbone/", 1): x for p, x in given.items()}
  classifier = _check(source, wanted, given, getattr(module, "num_classes", 0))
  filled = {
      p: x for p, x in given.items() if p in wanted and p not in classifier
  }
  if jax.process_index() == 0:
    lines = [f"{len(filled)} of {len(wanted)} arrays start from {source}"]
    folded = [p for p in wanted if p not in filled and _folded(p, given)]
    fresh = [p for p in wanted if p not in (*filled, *classifier, *folded)]
    left = [p for p in given if p not in wanted]
    for what, names in (
        ("fresh", _modules(fresh)),
        ("folded there, so that BatchNorm begins at 1 and 0", _modules(folded)),
        ("fresh, for another number of classes", classifier.values()),
        ("not in the model", _modules(left)),
        ("not taken from the file", dropped),
    ):
      if names:
        lines.append(f"  {what}: {', '.join(names)}")
    print("\n".join(lines), flush=True)
  leaves = {
      path: jax.device_put(np.asarray(filled[path], x.dtype), x.sharding)
      if path in filled
      else x
      for path, x in wanted.items()
  }
  started = traverse_util.unflatten_dict(leaves, sep="/")
  started = {name: started.get(name, {}) for name in ("params", "batch_stats")}
  ema = state.ema and jax.tree.map(lambda x: x.copy(), started)
  return state.replace(**started, ema=ema)


def _check(
    source: str, wanted: Flat, given: Flat, classes: int
) -> dict[str, str]:
  """The classifier's leaves that stay fresh, each with both shapes.

  Those are the leaves that differ from the model's only where the checkpoint
  has as many entries as classes, and the model another number, always the same.
  """
  if not any(path in wanted for path in given):
    raise ValueError(
        f"nothing of {source} has a place in the model: the checkpoint fills"
        f" {', '.join(_modules(given))}, the model has"
        f" {', '.join(_modules(wanted))}"
    )
  missing = [
      path
      for path in wanted
      if path.split("/")[1] == "backbone"
      and path not in given
      and not _folded(path, given)
  ]
  if missing:
    raise ValueError(
        f"{source} has no weights for {len(missing)} arrays of the model's"
        f" backbone: {_some(missing)}"
    )
  differ = {
      path: (x.shape, wanted[path].shape)
      for path, x in given.items()
      if path in wanted and x.shape != wanted[path].shape
  }
  axes = {
      path: {(n, m) for n, m in zip(old, new) if n != m}
      for path, (old, new) in differ.items()
      if len(old) == len(new)
  }
  pairs = {pair for found in axes.values() for pair in found}
  pairs = {pair for pair in pairs if pair[0] == classes}
  wrong, classifier = [], {}
  for path, (old, new) in differ.items():
    text = f"{path} is {old} in the checkpoint and {new} in the model"
    if len(pairs) == 1 and axes.get(path) == pairs:
      classifier[path] = text
    else:
      wrong.append(text)
  if wrong:
    raise ValueError(f"{source} does not fit the model: {_some(wrong, '; ')}")
  return classifier


def _folded(path: str, given: Flat) -> bool:
  """Whether a leaf is of a BatchNorm that is folded in the checkpoint.

  A bias is what is left of it (`layers.Bias`). A fresh scale of 1, mean of 0 and
  variance of 1 beside this bias compute the same, but for epsilon.
  """
  _, *parents, leaf = path.split("/")
  bias = "/".join(("params", *parents, "bias"))
  scale = "/".join(("params", *parents, "scale"))
  folded = bias in given and scale not in given
  return folded and leaf in ("scale", "mean", "var")


def _flat(tree: Mapping) -> dict[str, np.ndarray | Array]:
  return traverse_util.flatten_dict(dict(tree), sep="/")


def _modules(paths: Iterable[str]) -> list[str]:
  """Paths counted by the model's outermost modules."""
  counts = collections.Counter(path.split("/")[1] for path in paths)
  return [f"{module} ({n} arrays)" for module, n in counts.items()]


def _some(items: Iterable[str], comma: str = ", ") -> str:
  items = list(items)
  more = len(items) - 8
  return comma.join(items[:8]) + (f" and {more} more" if more > 0 else "")
