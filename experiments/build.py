"""Turns a config into the objects that it names."""

from collections.abc import Callable, Iterator, Mapping
import dataclasses
import difflib
import functools
import importlib
import inspect
import pkgutil
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax

from segjax import data, losses, ops, types
from segjax.training import optimizer as optimizer_lib

PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def labels(config: ml_collections.ConfigDict) -> data.LabelSet:
  """The classes of the config's data set."""
  return data.datasets.labels(config.dataset.name, **_options(config.dataset))


def model(config: ml_collections.ConfigDict, num_classes: int) -> nn.Module:
  """The network: `config.model` with `config.backbone` and `config.norm`.

  Raises:
    ValueError: a name or an attribute that does not exist; the message names
      those that do.
  """
  norm = None
  if config.norm.name:
    cls = resolve(config.norm.name, "segjax.layers")
    keywords = _keywords(cls, config.norm)
    norm = functools.partial(cls, **keywords) if keywords else cls
  backbone = None
  if config.backbone.name:
    cls = resolve(config.backbone.name, "segjax.backbones")
    backbone = cls(**_keywords(cls, config.backbone, norm=norm))
  cls = resolve(config.model.name, "segjax.models")
  given = {"num_classes": num_classes, "norm": norm, "backbone": backbone}
  fields = {field.name: field for field in dataclasses.fields(cls)}
  if backbone is not None and "backbone" not in fields:
    raise ValueError(
        f"{config.model.name} takes no backbone; config.backbone.name is"
        f" {config.backbone.name!r} and must be ''"
    )
  if (
      backbone is None
      and "backbone" in fields
      and _required(fields["backbone"])
  ):
    raise ValueError(f"{config.model.name} needs a config.backbone.name")
  return cls(**_keywords(cls, config.model, **given))


def resolve(name: str, home: str) -> Any:
  """The class or function of a dotted name.

  "deeplab_v3.DeepLabV3" is looked up in the package `home`, anything else as
  "package.module.Class".

  Raises:
    ValueError: it does not exist; the message names what is close, and all
      that `home` has.
  """
  path, _, attribute = name.rpartition(".")
  for module in filter(None, (f"{home}.{path}" if path else home, path)):
    found = getattr(_import(module), attribute, None)
    if callable(found):
      return found
  there = _names(home)
  close = difflib.get_close_matches(name, there, n=3, cutoff=0.5)
  hint = f"did you mean {' or '.join(close)}? " if close else ""
  raise ValueError(
      f"there is no {name!r} in {home}; {hint}there are {', '.join(there)}, and"
      " 'package.module.Class' of your own"
  )


def loss(config: ml_collections.ConfigDict, num_classes: int) -> Callable:
  """The loss on all outputs of the model that the config gives a weight.

  Raises:
    ValueError: no such loss or keyword, or not one weight per class.
  """
  keywords = config.loss.to_dict()
  name, aux = keywords.pop("name"), keywords.pop("aux", {})
  function = resolve(name, "segjax.losses")
  legal = list(inspect.signature(function).parameters)[2:]
  _check_keywords(name, keywords, legal)
  weights = keywords.pop("weights", ())
  if len(weights) not in (0, num_classes):
    raise ValueError(
        f"config.loss.weights has {len(weights)} numbers for {num_classes}"
        " classes"
    )
  if weights:
    keywords["weights"] = np.asarray(weights, np.float32)
  function = functools.partial(function, **keywords)
  terms = {"logits": (function, 1.0)}
  return losses.combine(
      terms | {output: (function, weight) for output, weight in aux.items()}
  )


def optimizer(
    config: ml_collections.ConfigDict,
) -> tuple[optax.GradientTransformation, optax.Schedule]:
  """The optimiser, and the learning rate as a function of the step."""
  keywords = config.schedule.to_dict()
  schedule = optimizer_lib.schedule(total_steps=config.total_steps, **keywords)
  keywords = config.optimizer.to_dict()
  head, factors = keywords.pop("head_factor"), keywords.pop("factors")
  if head != 1:
    factors = (*factors, optimizer_lib.head_factor(head))
  return (
      optimizer_lib.optimizer(
          learning_rate=schedule, factors=factors, **keywords
      ),
      schedule,
  )


def preprocess(config: ml_collections.ConfigDict) -> Callable:
  """uint8 images -> what the model expects."""
  if config.preprocess not in ops.PRESETS:
    raise ValueError(
        f"config.preprocess is {config.preprocess!r}; there are"
        f" {', '.join(sorted(ops.PRESETS))}"
    )
  return _normalize(config.preprocess)


@functools.cache  # The same function each time, which jit does not retrace.
def _normalize(preset: str) -> Callable:
  return functools.partial(ops.normalize, preset=preset)


def dtype(config: ml_collections.ConfigDict) -> jnp.dtype:
  """Of activations, from `config.precision`."""
  if config.precision not in PRECISIONS:
    raise ValueError(
        f"config.precision is {config.precision!r}; there are"
        f" {', '.join(PRECISIONS)}"
    )
  return PRECISIONS[config.precision]


def source(config: ml_collections.ConfigDict, split: str) -> Any:
  """A split of the config's data set, for reading at random.

  Raises:
    FileNotFoundError: it is not prepared; the message has the command.
  """
  dataset = config.dataset
  options = _options(dataset)
  if dataset.prepare and jax.process_index() == 0:
    data.datasets.prepare(dataset.name, dataset.data_dir, **options)
  return data.open(dataset.name, split, dataset.data_dir, **options)


def augment(config: ml_collections.ConfigDict) -> data.Augment:
  """The augmentation of training examples."""
  return data.Augment(**config.augment.to_dict())


def train_batches(
    config: ml_collections.ConfigDict, *, start: int = 0
) -> Iterator[types.Batch]:
  """Training batches from `start` on: the rows of this process."""
  return data.train_batches(
      source(config, config.dataset.train),
      augment(config),
      batch_size=config.batch_size,
      seed=config.seed,
      start=start,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
      num_threads=config.num_threads,
  )


def eval_batches(
    config: ml_collections.ConfigDict, split: str = ""
) -> Iterator[types.Batch]:
  """A split, `config.dataset.eval` if not named: the rows of this process."""
  return data.eval_batches(
      source(config, split or config.dataset.eval),
      batch_size=config.eval.batch_size,
      multiple=config.eval.multiple,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
      num_threads=config.num_threads,
  )


def _options(dataset: ml_collections.ConfigDict) -> dict[str, Any]:
  return dataset.options.to_dict()


def _keywords(
    cls: Any, section: ml_collections.ConfigDict, **given: Any
) -> dict[str, Any]:
  """The section's keys and those of `given` that are attributes of a class."""
  legal = [
      field.name
      for field in dataclasses.fields(cls)
      if field.init and field.name not in ("parent", "name")
  ]
  keywords = section.to_dict()
  name = keywords.pop("name")
  own = [k for k in legal if k not in given or k == "num_classes"]
  _check_keywords(name, keywords, own)
  given = {k: v for k, v in given.items() if k in legal and v is not None}
  return given | keywords


def _check_keywords(
    name: str, keywords: Mapping[str, Any], legal: list[str]
) -> None:
  for key in keywords:
    if key not in legal:
      close = difflib.get_close_matches(key, legal, n=3)
      hint = f"did you mean {' or '.join(close)}? " if close else ""
      raise ValueError(
          f"{name} has no {key!r}; {hint}it has {', '.join(legal) or 'none'}"
      )


def _required(field: dataclasses.Field) -> bool:
  return (
      field.default is dataclasses.MISSING
      and field.default_factory is dataclasses.MISSING
  )


def _import(name: str) -> Any:
  """A module, or None where there is none of this name."""
  try:
    return importlib.import_module(name)
  except ModuleNotFoundError as error:
    if name == error.name or name.startswith(f"{error.name}."):
      return None
    raise


def _names(home: str) -> list[str]:
  """What a config can name in a package.

  Modules that take an `image` where there are modules in files, such as in
  segjax.models; else what the package exports.
  """
  package = importlib.import_module(home)
  if hasattr(package, "__all__"):
    return sorted(package.__all__)
  names = []
  for info in pkgutil.iter_modules(package.__path__):
    module = importlib.import_module(f"{home}.{info.name}")
    for name, value in vars(module).items():
      if (
          isinstance(value, type)
          and issubclass(value, nn.Module)
          and value.__module__ == module.__name__
          and "image" in inspect.signature(value.__call__).parameters
      ):
        names.append(f"{info.name}.{name}")
  return sorted(names)
