"""Which classes does an image show? EncNet's semantic encoding loss."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int
import optax

from segjax.losses import pixels


def presence(
    logits: Float[Array, "n k"],
    labels: Int[Array, "n h w"],
    *,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """Mean binary cross-entropy of the classes' presence in each image, in nats.

  The SE-loss of Zhang et al. 2018 (arXiv:1803.08904, Sec. 3.1), over all k
  classes of the images that have a label.

  Args:
    logits: of a sigmoid, one per image and class.
    labels: class ids; `ignore_label` marks what nobody labelled.
    ignore_label: the pixels that do not count.

  >>> logits = jnp.log(jnp.array([[3.0, 1 / 3]]))  # Probabilities 3/4 and 1/4.
  >>> print(f"{presence(logits, jnp.array([[[0, 255]]])):.4f}")  # -log(3/4)
  0.2877

  Raises:
    ValueError: there is not one row of logits per image.
  """
  if logits.ndim != 2 or logits.shape[0] != labels.shape[0]:
    raise ValueError(
        f"logits {logits.shape} of the presence of classes in the images of"
        f" labels {labels.shape} must be (n, k), one row per image"
    )
  there = present(labels, logits.shape[1], ignore_label=ignore_label)
  nats = optax.sigmoid_binary_cross_entropy(
      logits.astype(jnp.float32), there.astype(jnp.float32)
  )
  labelled = jnp.any(labels != ignore_label, axis=(1, 2))
  return pixels.mean(jnp.mean(nats, axis=1), labelled)


def present(
    labels: Int[Array, "n h w"], num_classes: int, *, ignore_label: int = 255
) -> Bool[Array, "n {num_classes}"]:
  """Whether a class occurs in an image."""
  classes = jnp.arange(num_classes)
  hits = labels[..., None].astype(jnp.int32) == classes
  valid = (labels != ignore_label)[..., None]
  return jnp.any(hits & valid, axis=(1, 2))
