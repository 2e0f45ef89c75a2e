"""A converted checkpoint, as `experiments.convert` writes it, as a network."""

import json
import os
import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np
import orbax.checkpoint as ocp

from configs import common
from experiments import build
from experiments import trained as trained_lib
from segjax import convert, data, types
from segjax.convert import engine
from segjax.training import protocol as protocols

FILE = "model.json"
VARIABLES = "variables"


def is_one(folder: str | os.PathLike[str]) -> bool:
  """Whether a folder is the output of `experiments.convert`."""
  return (pathlib.Path(folder) / FILE).is_file()


def load(
    folder: str | os.PathLike[str], *, dataset: str = "", preprocess: str = ""
) -> trained_lib.Trained:
  """The network in a folder, with the config of an evaluation.

  Args:
    folder: the output of `experiments.convert`.
    dataset: whose classes the network tells apart; the source's by default.
    preprocess: a preset of `ops.normalize`; the source's by default.

  Raises:
    ValueError: the folder is damaged, its network is a backbone or has another
      number of classes than the data set, or it is not known what the network
      was trained on and not said either.
  """
  folder = pathlib.Path(folder).absolute()
  about = _about(folder / FILE)
  name, classes = about["source"], about["num_classes"]
  if classes is None:
    raise ValueError(f"{folder} holds {name}, a backbone: it has no classes")
  config = _config(about, dataset, preprocess)
  labels = build.labels(config)
  if len(labels) != classes:
    raise ValueError(
        f"{name} in {folder} has {classes} classes, the data set"
        f" {config.dataset.name} has {len(labels)}; --dataset names another"
    )
  model, like = engine.structure(convert.source(name), classes)
  variables = _restore(folder / VARIABLES, like)
  return trained_lib.Trained(
      config, labels, model, variables, build.preprocess(config), step=0
  )


def _config(
    about: dict[str, Any], dataset: str, preprocess: str
) -> ml_collections.ConfigDict:
  config = common.defaults()
  config.preprocess = preprocess or about.get("preprocess", "")
  config.dataset.name = dataset or about.get("dataset", "")
  for flag, value, known in (
      ("preprocess", config.preprocess, ()),
      ("dataset", config.dataset.name, data.datasets.names()),
  ):
    if not value:
      raise ValueError(
          f"what {about['source']} was trained on is not recorded: --{flag} is"
          f" missing{', such as ' if known else ''}{', '.join(known)}"
      )
  name = about.get("protocol", "")
  with config.unlocked():
    config.eval.protocol = name
  if name and protocols.preset(name).long_side:
    # Images of all sizes become one: few programs to compile.
    config.eval.multiple = 512
  return config


def _about(path: pathlib.Path) -> dict[str, Any]:
  try:
    about = json.loads(path.read_text())
    return about | {k: about[k] for k in ("source", "num_classes")}
  except (UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
    raise ValueError(f"{path} is damaged: {error!r}") from None


def _restore(path: pathlib.Path, like: types.Variables) -> types.Variables:
  if not path.is_dir():
    raise FileNotFoundError(f"there is no checkpoint {path}")
  try:
    with ocp.StandardCheckpointer() as checkpointer:
      saved = _shapes(checkpointer.metadata(path).item_metadata.tree)
      # Orbax would cut arrays to size, or fill them up.
      if saved == _shapes(like):
        return jax.tree.map(np.asarray, checkpointer.restore(path, like))
  except Exception as error:  # Damage shows as any error of the readers.
    first = (str(error).splitlines() or [""])[0][:200]
    raise ValueError(
        f"the checkpoint {path} is damaged ({type(error).__name__}: {first})"
    ) from error
  wanted = _shapes(like)
  differ = sorted(
      leaf
      for leaf in saved.keys() | wanted.keys()
      if saved.get(leaf) != wanted.get(leaf)
  )
  raise ValueError(
      f"the checkpoint {path} is of another network; {len(differ)} arrays"
      f" differ, such as {differ[0]}: saved {saved.get(differ[0], 'not')},"
      f" wanted {wanted.get(differ[0], 'not')}"
  )


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
  return {
      jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape)
      for path, leaf in jax.tree_util.tree_leaves_with_path(dict(tree))
  }
