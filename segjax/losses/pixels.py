"""What losses over pixels share."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int
import optax

CLASSES = ("present", "all")
_LEAST = 1e-12  # Below it a power's derivative may be infinite.


def split(
    logits: Float[Array, "n h w k"], labels: Int[Array, "n h w"], ignore: int
) -> tuple[Float[Array, "n h w k"], Int[Array, "n h w"], Bool[Array, "n h w"]]:
  """Logits in float32, classes (0 where there is none) and what is labelled.

  Raises:
    ValueError: the logits do not lie over the labels.
  """
  if logits.shape[:-1] != labels.shape:
    raise ValueError(
        f"logits {logits.shape} do not lie over labels {labels.shape}: both"
        " must have the same n, h and w"
    )
  valid = labels != ignore
  classes = jnp.where(valid, labels, 0).astype(jnp.int32)
  return logits.astype(jnp.float32), classes, valid


def nats(
    logits: Float[Array, "n h w k"], classes: Int[Array, "n h w"]
) -> Float[Array, "n h w"]:
  """The softmax cross-entropy of each pixel."""
  return optax.softmax_cross_entropy_with_integer_labels(logits, classes)


def class_weights(
    weights: Float[Array, " k"] | None, classes: Int[Array, "n h w"]
) -> Float[Array, "n h w"]:
  """Each pixel's weight, by its class."""
  if weights is None:
    return jnp.ones(classes.shape, jnp.float32)
  return jnp.asarray(weights, jnp.float32)[classes]


def focus(nats: Float[Array, "..."], gamma: float) -> Float[Array, "..."]:
  """The focal loss's factor (1 - p)**gamma, for p = exp(-nats).

  Raises:
    ValueError: gamma is negative.
  """
  if gamma < 0:
    raise ValueError(f"gamma is at least 0, not {gamma}")
  return jnp.maximum(-jnp.expm1(-nats), _LEAST) ** gamma


def mean(
    values: Float[Array, "..."], counted: Bool[Array, "..."]
) -> Float[Array, ""]:
  """The mean of those values that count; 0, without a gradient, of none."""
  count = jnp.sum(counted, dtype=jnp.float32)
  return jnp.sum(jnp.where(counted, values, 0)) / jnp.maximum(count, 1)


def foreground(logits: Float[Array, "n h w k"]) -> Float[Array, "n h w"]:
  """The logit of class 1 against class 0, from one channel or from two.

  Raises:
    ValueError: there are more than two channels.
  """
  if logits.shape[-1] not in (1, 2):
    raise ValueError(
        f"this loss is for one class against a background: logits have 1"
        f" channel, or 2, not {logits.shape[-1]}"
    )
  logits = logits.astype(jnp.float32)
  if logits.shape[-1] == 1:
    return logits[..., 0]
  return logits[..., 1] - logits[..., 0]


def one_hot(
    classes: Int[Array, "n h w"], valid: Bool[Array, "n h w"], num_classes: int
) -> Float[Array, "n h w {num_classes}"]:
  """1 in a labelled pixel's class, 0 elsewhere."""
  return jax.nn.one_hot(jnp.where(valid, classes, -1), num_classes)


def check_classes(classes: str) -> None:
  """Raises ValueError unless this names classes to average over."""
  if classes not in CLASSES:
    raise ValueError(f"classes is {classes!r}; there are {CLASSES}")
