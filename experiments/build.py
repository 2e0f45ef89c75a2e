"""Turns a config into the objects that it names."""

from collections.abc import Callable
import dataclasses
import functools
import inspect
from typing import Any

from flax import linen as nn
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax

from experiments import names, streams
from segjax import losses, ops
from segjax.training import optimizer as optimizer_lib
from segjax.training import step as step_lib

PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}

labels = streams.labels
source = streams.source
augment = streams.augment
on_device = streams.on_device
train_batches = streams.train_batches
eval_batches = streams.eval_batches


def model(config: ml_collections.ConfigDict, num_classes: int) -> nn.Module:
  """The network: `config.model` with `config.backbone` and `config.norm`.

  Raises:
    ValueError: a name or an attribute that does not exist; the message names
      those that do.
  """
  norm = None
  if config.norm.name:
    cls = names.resolve(config.norm.name, "segjax.layers")
    keywords = _keywords(cls, config.norm)
    norm = functools.partial(cls, **keywords) if keywords else cls
  backbone = None
  if config.backbone.name:
    cls = names.resolve(config.backbone.name, "segjax.backbones")
    backbone = cls(**_keywords(cls, config.backbone, norm=norm))
  cls = names.resolve(config.model.name, "segjax.models")
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


def loss(config: ml_collections.ConfigDict, num_classes: int) -> Callable:
  """The loss on all outputs of the model that the config gives one.

  Raises:
    ValueError: no such loss or keyword, or not one weight per class.
    FileNotFoundError: `balance` needs the training split, which is not there.
  """
  section = config.loss.to_dict()
  others = section.pop("aux", {})
  function = _loss("config.loss", section, config, num_classes)
  terms = {"logits": (function, 1.0)}
  for output, value in others.items():
    where = f"config.loss.aux[{output!r}]"
    if isinstance(value, dict):
      if not {"name", "weight"} <= value.keys():
        raise ValueError(
            f"{where} has {', '.join(value) or 'nothing'}; a loss of its own"
            " needs a name and a weight"
        )
      weight = value.pop("weight")
      terms[output] = (_loss(where, value, config, num_classes), weight)
    else:
      terms[output] = (function, value)
  return losses.combine(terms)


def _loss(
    where: str,
    section: dict[str, Any],
    config: ml_collections.ConfigDict,
    num_classes: int,
) -> Callable:
  """One loss with its keywords, from a section of the config."""
  name, keywords = section["name"], dict(section)
  del keywords["name"]
  function = names.resolve(name, "segjax.losses")
  legal = list(inspect.signature(function).parameters)[2:]
  legal = [k for k in legal if k != "pixel_weights"]
  if "weights" in legal:
    legal.append("balance")
  names.check_keywords(name, keywords, legal)
  weights, balance = keywords.pop("weights", ()), keywords.pop("balance", "")
  if len(weights) not in (0, num_classes):
    raise ValueError(
        f"{where}.weights has {len(weights)} numbers for {num_classes} classes"
    )
  if balance:
    if len(weights):
      raise ValueError(f"{where} has both weights and balance={balance!r}")
    weights = _balanced(where, balance, config, num_classes)
  if len(weights):
    keywords["weights"] = np.asarray(weights, np.float32)
  return functools.partial(function, **keywords)


def _balanced(
    where: str,
    balance: str,
    config: ml_collections.ConfigDict,
    num_classes: int,
) -> np.ndarray:
  """Class weights counted on the training split, all of which it reads."""
  if balance not in losses.weights.BALANCES:
    raise ValueError(
        f"{where}.balance is {balance!r}; there are"
        f" {', '.join(losses.weights.BALANCES)}"
    )
  split = source(config, config.dataset.train)
  labels = (split[i]["label"] for i in range(len(split)))
  counts = losses.weights.count(labels, num_classes)
  return losses.weights.BALANCES[balance](counts)


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


def train_step(
    config: ml_collections.ConfigDict,
    model: Any,
    num_classes: int,
    tx: optax.GradientTransformation,
    schedule: optax.Schedule,
) -> Callable:
  """`step.train_step` of a config: (state, batch, rng) -> (state, metrics).

  Args:
    config: of the run.
    model: what `parallel.spread` gives, or the network itself.
    num_classes: that the loss knows.
    tx: the first that `optimizer` gives.
    schedule: the second.
  """
  return functools.partial(
      step_lib.train_step,
      model=model,
      loss_fn=loss(config, num_classes),
      tx=tx,
      preprocess=preprocess(config),
      schedule=schedule,
      dtype=dtype(config),
      remat=config.remat,
      microbatches=config.accumulation_steps,
      ema_decay=config.ema_decay,
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
  names.check_keywords(name, keywords, own)
  given = {k: v for k, v in given.items() if k in legal and v is not None}
  return given | keywords


def _required(field: dataclasses.Field) -> bool:
  return (
      field.default is dataclasses.MISSING
      and field.default_factory is dataclasses.MISSING
  )
