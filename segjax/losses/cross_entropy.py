"""Softmax cross-entropy over labelled pixels."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int
import optax

from segjax.losses import pixels

DENOMINATORS = ("valid", "weight", "all")


def cross_entropy(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    *,
    weights: Float[Array, " k"] | None = None,
    pixel_weights: Float[Array, "n h w"] | None = None,
    ignore_label: int = 255,
    denominator: str = "valid",
    label_smoothing: float = 0.0,
) -> Float[Array, ""]:
  """Mean softmax cross-entropy over the labelled pixels, in nats.

  Summed in float32. It is 0, without a gradient, if no pixel is labelled.

  Args:
    logits: of any float type, as large as the labels.
    labels: class ids; `ignore_label` marks what nobody labelled.
    weights: one factor per class, of the pixel's true class.
    pixel_weights: one factor per pixel, such as U-Net's w(x)
      (arXiv:1505.04597, Eq. 1); it multiplies that of the class.
    ignore_label: the pixels that do not count.
    denominator: "valid" divides by the number of labelled pixels, "weight" by
      the sum of their weights (PyTorch's weighted mean), "all" by the number
      of pixels (mmsegmentation's `avg_non_ignore=False`).
    label_smoothing: share of the target that is spread over all classes
      (Szegedy et al. 2016, arXiv:1512.00567, Sec. 7).

  >>> logits = jnp.log(jnp.array([[[[0.5, 0.5], [0.25, 0.75]]]]))
  >>> print(f"{cross_entropy(logits, jnp.array([[[0, 255]]])):.4f}")
  0.6931

  Raises:
    ValueError: the shapes differ, or the denominator is unknown.
  """
  logits, classes, valid = pixels.split(logits, labels, ignore_label)
  if denominator not in DENOMINATORS:
    raise ValueError(
        f"denominator is {denominator!r}; there are {DENOMINATORS}"
    )
  nats = pixels.nats(logits, classes)
  if label_smoothing:
    uniform = optax.softmax_cross_entropy(
        logits, jnp.full_like(logits, 1 / logits.shape[-1])
    )
    nats = (1 - label_smoothing) * nats + label_smoothing * uniform
  share = valid * pixels.class_weights(weights, classes)
  if pixel_weights is not None:
    if pixel_weights.shape != labels.shape:
      raise ValueError(
          f"pixel_weights {pixel_weights.shape} do not lie over labels"
          f" {labels.shape}: there is one per pixel"
      )
    share = share * jnp.where(valid, pixel_weights, 0).astype(jnp.float32)
  total = jnp.sum(jnp.where(valid, nats, 0) * share)
  if denominator == "all":
    return total / labels.size
  counted = share if denominator == "weight" else valid
  count = jnp.sum(counted, dtype=jnp.float32)
  return total / jnp.where(count > 0, count, 1)
