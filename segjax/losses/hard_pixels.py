"""Cross-entropy over the pixels that are hardest."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from segjax.losses import pixels as pixels_lib


def ohem_cross_entropy(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    *,
    threshold: float = 0.7,
    min_kept: int = 100_000,
    weights: Float[Array, " k"] | None = None,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """Cross-entropy with online hard example mining, in nats.

  The mean over the labelled pixels whose true class has a probability of at
  most `threshold`, and over at least the `min_kept` n hardest of the batch, as
  mmsegmentation's OHEMPixelSampler counts them. Shrivastava et al. 2016
  (arXiv:1604.03540) mine regions of interest; BiSeNet (arXiv:1808.00897, Sec.
  4) trains with the form for pixels. The choice itself has no gradient.

  Args:
    logits: of any float type, as large as the labels.
    labels: class ids; `ignore_label` marks what nobody labelled.
    threshold: 0 to 1; 1 keeps every pixel.
    min_kept: pixels per image, pooled over the batch; all that are labelled if
      there are fewer.
    weights: one factor per class; the mean is over the number of kept pixels.
    ignore_label: the pixels that do not count.

  >>> logits = jnp.log(jnp.array([[[[0.5, 0.5], [0.9, 0.1]]]]))
  >>> labels = jnp.array([[[0, 0]]])
  >>> print(f"{ohem_cross_entropy(logits, labels, min_kept=1):.4f}")
  0.6931

  Raises:
    ValueError: the shapes differ, or a number is out of its range.
  """
  logits, classes, valid = pixels_lib.split(logits, labels, ignore_label)
  if not 0 <= threshold <= 1 or min_kept < 0:
    raise ValueError(
        "threshold is 0 to 1 and min_kept at least 0, not"
        f" {threshold} and {min_kept}"
    )
  nats = pixels_lib.nats(logits, classes)
  # Void pixels sort behind all others: a probability is at most 1.
  truth = jnp.where(valid, jnp.exp(-jax.lax.stop_gradient(nats)), 2.0)
  if kept := min(min_kept * labels.shape[0], labels.size):
    threshold = jnp.maximum(threshold, jnp.sort(truth.ravel())[kept - 1])
  hard = valid & (truth <= threshold)
  return pixels_lib.mean(
      nats * pixels_lib.class_weights(weights, classes), hard
  )


def bootstrapped_cross_entropy(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    *,
    pixels: int = 512 * 64,
    weights: Float[Array, " k"] | None = None,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """The mean cross-entropy of each image's worst pixels, in nats.

  Wu et al. 2016 (arXiv:1605.06885), as FRRN trains (Pohlen et al. 2017,
  arXiv:1611.08323, Sec. 4): the K worst of an image, whose K is 512 x 64 in its
  authors' code. The mean over images is that of the images with a label. Where
  an image has fewer labelled pixels than K, the paper leaves open what
  happens; the mean is over those that there are, where the authors' code fills
  up with zeros.

  Args:
    logits: of any float type, as large as the labels.
    labels: class ids; `ignore_label` marks what nobody labelled.
    pixels: K, at least 1.
    weights: one factor per class, which also decides what is worst.
    ignore_label: the pixels that do not count.

  >>> logits = jnp.log(jnp.array([[[[0.5, 0.5], [0.9, 0.1]]]]))
  >>> labels = jnp.array([[[0, 0]]])
  >>> print(f"{bootstrapped_cross_entropy(logits, labels, pixels=1):.4f}")
  0.6931

  Raises:
    ValueError: the shapes differ, or K is not positive.
  """
  logits, classes, valid = pixels_lib.split(logits, labels, ignore_label)
  if pixels < 1:
    raise ValueError(f"pixels is how many to keep, at least 1, not {pixels}")
  nats = pixels_lib.nats(logits, classes)
  nats = nats * pixels_lib.class_weights(weights, classes)
  rows = jnp.where(valid, nats, -1.0).reshape(labels.shape[0], -1)
  worst, _ = jax.lax.top_k(rows, min(pixels, rows.shape[1]))
  labelled = worst >= 0
  count = jnp.sum(labelled, axis=1)
  means = jnp.sum(jnp.where(labelled, worst, 0), 1) / jnp.maximum(count, 1)
  return pixels_lib.mean(means, count > 0)
