"""The Lovasz extension of the Jaccard loss."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from segjax.losses import pixels


def lovasz_softmax(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    *,
    classes: str = "present",
    per_image: bool = False,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """The Lovasz-softmax loss, a surrogate of 1 - mIoU.

  Berman et al. 2018 (arXiv:1705.08790, Eq. 11 and 12): the extension of the
  Jaccard loss of each class, at the errors |g - p| of its softmax probability.

  Args:
    logits: of any float type, as large as the labels.
    labels: class ids; `ignore_label` marks what nobody labelled.
    classes: "present" averages over the classes that occur in the labels,
      "all" over all.
    per_image: averages the loss over the images that have a label; otherwise
      the batch is one large image.
    ignore_label: the pixels that do not count.

  >>> logits = jnp.log(jnp.array([[[[0.75, 0.25], [0.25, 0.75]]]]))
  >>> print(f"{lovasz_softmax(logits, jnp.array([[[0, 1]]])):.4f}")
  0.2500

  Raises:
    ValueError: the shapes differ, or `classes` is unknown.
  """
  pixels.check_classes(classes)
  logits, truth, valid = pixels.split(logits, labels, ignore_label)
  k = logits.shape[-1]
  rows = labels.shape[0] if per_image else 1
  p = jax.nn.softmax(logits).reshape(rows, -1, k)
  g = pixels.one_hot(truth, valid, k).reshape(rows, -1, k)
  valid = jnp.broadcast_to(valid.reshape(rows, -1, 1), p.shape)
  errors = jnp.where(valid, jnp.abs(g - p), 0)
  by_class = jax.tree.map(
      lambda x: x.transpose(2, 0, 1).reshape(k * rows, -1),
      (errors, g > 0, valid),
  )
  values = _extension(*by_class).reshape(k, rows).T
  present = jnp.any(g > 0, axis=1)
  counted = present
  if classes == "all":
    labelled = jnp.any(present, 1, keepdims=True)
    counted = jnp.broadcast_to(labelled, present.shape)
  total = jnp.sum(counted, 1)
  means = jnp.sum(jnp.where(counted, values, 0), 1) / jnp.maximum(total, 1)
  return pixels.mean(means, total > 0)


def lovasz_hinge(
    logits: Float[Array, "n h w 1"],
    labels: Int[Array, "n h w"],
    *,
    per_image: bool = True,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """The Lovasz hinge, a surrogate of 1 - IoU of one class.

  Berman et al. 2018 (arXiv:1705.08790, Eq. 7 and 8), after Yu and Blaschko
  2015: the extension of the Jaccard loss at the hinge errors of the scores.

  Args:
    logits: of the foreground; of two channels, their difference counts.
    labels: 1 in the foreground, 0 elsewhere; `ignore_label` marks what nobody
      labelled.
    per_image: averages the loss over the images that have a label; otherwise
      the batch is one large image.
    ignore_label: the pixels that do not count.

  >>> scores = jnp.array([[[[0.5], [-2.0]]]])
  >>> print(f"{lovasz_hinge(scores, jnp.array([[[1, 0]]])):.4f}")
  0.5000

  Raises:
    ValueError: the shapes differ, or there are more than two channels.
  """
  _, truth, valid = pixels.split(logits, labels, ignore_label)
  rows = labels.shape[0] if per_image else 1
  scores, g, valid = (
      x.reshape(rows, -1) for x in (pixels.foreground(logits), truth > 0, valid)
  )
  errors = jax.nn.relu(1 - jnp.where(g, scores, -scores))
  values = _extension(jnp.where(valid, errors, 0), g & valid, valid)
  return pixels.mean(values, jnp.any(valid, axis=1))


def _extension(
    errors: Float[Array, "m p"],
    truth: Bool[Array, "m p"],
    valid: Bool[Array, "m p"],
) -> Float[Array, " m"]:
  """The extension of each row's Jaccard loss at the errors; linear in them.

  One row after the other, as a sort of each is held in memory.
  """
  slope = jax.lax.map(
      lambda row: _slope(*row),
      (jax.lax.stop_gradient(errors), truth, valid),
  )
  return jnp.sum(errors * slope, axis=1)


def _slope(
    errors: Float[Array, " p"],
    truth: Bool[Array, " p"],
    valid: Bool[Array, "p"],
) -> Float[Array, " p"]:
  """By how much each pixel, from the worst on, raises the Jaccard loss.

  The paper's Algorithm 1. Where the Jaccard loss is 1 - i / u, a pixel of the
  class takes 1 from i, which adds 1 / u; another adds 1 to u, which adds
  i / (u (u + 1)). Written so, no two almost equal numbers are subtracted, and
  counts are whole numbers.
  """
  order = jnp.argsort(jnp.where(valid, -errors, 1))
  inside = truth[order]
  outside = valid[order] & ~inside
  total = jnp.sum(truth)
  others = jnp.cumsum(outside)
  i = (total - jnp.cumsum(inside)).astype(jnp.float32)
  u = (total + others).astype(jnp.float32)
  before = u - 1  # The union before a pixel that is not of the class.
  # Of a class that does not occur, the worst pixel alone makes the loss 1.
  other = jnp.where(before > 0, i / (jnp.maximum(before, 1) * u), 1.0)
  step = jnp.where(inside, 1 / jnp.maximum(u, 1), jnp.where(outside, other, 0))
  return jnp.zeros_like(errors).at[order].set(step, unique_indices=True)
