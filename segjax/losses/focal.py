"""The focal loss: cross-entropy that forgets what is easy."""

from jaxtyping import Array, Float, Int

from segjax.losses import pixels


def focal(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    *,
    gamma: float = 2.0,
    weights: Float[Array, " k"] | None = None,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """Mean of -(1 - p)**gamma log p over the labelled pixels, in nats.

  Lin et al. 2017 (arXiv:1708.02002, Eq. 5), with the softmax probability p of
  the pixel's class; Eq. 4 for `gamma` 0, which is cross-entropy. The paper
  divides by the number of boxes with an object; of pixels each has a class.

  Args:
    logits: of any float type, as large as the labels.
    labels: class ids; `ignore_label` marks what nobody labelled.
    gamma: at least 0.
    weights: alpha, one factor per class.
    ignore_label: the pixels that do not count.

  >>> logits = jnp.log(jnp.array([[[[0.5, 0.5]]]]))
  >>> print(f"{focal(logits, jnp.array([[[0]]]), gamma=2):.4f}")
  0.1733

  Raises:
    ValueError: the shapes differ, or gamma is negative.
  """
  logits, classes, valid = pixels.split(logits, labels, ignore_label)
  nats = pixels.nats(logits, classes)
  nats = nats * pixels.focus(nats, gamma)
  return pixels.mean(nats * pixels.class_weights(weights, classes), valid)
