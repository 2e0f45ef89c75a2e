"""A trained network, from its workdir."""

from collections.abc import Callable
import dataclasses
import functools
import os

from flax import linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from experiments import build
from experiments import config as config_lib
from segjax import data, types
from segjax.training import checkpoint


@dataclasses.dataclass(frozen=True)
class Trained:
  """What evaluation and prediction need of a run.

  Attributes:
    config: of the run.
    labels: the classes that it tells apart.
    model: the network.
    variables: its weights, and statistics if it has any.
    preprocess: uint8 images -> what the network expects.
    step: of the checkpoint.
  """

  config: ml_collections.ConfigDict
  labels: data.LabelSet
  model: nn.Module
  variables: types.Variables
  preprocess: Callable[[jax.Array], jax.Array]
  step: int


def load(workdir: str | os.PathLike[str], which: str) -> Trained:
  """Restores the "best", the "last" or a numbered checkpoint of a run.

  Raises:
    FileNotFoundError: there is no such run, or it has no checkpoint.
    ValueError: there is no such step, or the checkpoint is of another model.
  """
  config = config_lib.read(workdir)
  labels = build.labels(config)
  model = build.model(config, len(labels))
  like = jax.eval_shape(
      functools.partial(model.init, train=False),
      jax.random.key(0),
      jax.ShapeDtypeStruct((1, *image_size(config), 3), jnp.float32),
  )
  step = checkpoint.find_step(workdir, which)
  variables = checkpoint.restore_variables(workdir, step, like=like)
  return Trained(
      config, labels, model, variables, build.preprocess(config), step
  )


def with_statistics(trained: Trained, batch: bool) -> Trained:
  """The same weights, with BatchNorm's statistics from another place.

  Args:
    trained: a run.
    batch: True for each image's own, which are evaluated one by one; False for
      the running ones.

  Raises:
    ValueError: its config does not say that it has `BatchNorm`.
  """
  config = trained.config.copy_and_resolve_references()
  if config.norm.name != "BatchNorm":
    raise ValueError(
        "--batch_statistics is for networks with config.norm.name ="
        f" 'BatchNorm'; this one has {config.norm.name!r}"
    )
  with config.unlocked():
    config.norm.batch_statistics = batch
  if batch:
    config.eval.batch_size = config.eval.multiple = 1
  model = build.model(config, len(trained.labels))
  return dataclasses.replace(trained, config=config, model=model)


def image_size(config: ml_collections.ConfigDict) -> tuple[int, int]:
  """Height and width of an image to find out about a run's network with."""
  return tuple(config.augment.crop or (65, 65))
