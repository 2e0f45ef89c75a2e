"""Losses of overlap: Dice, IoU and their generalisation by Tversky."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from segjax.losses import pixels

_LEAST = 1e-7  # Below it a root's derivative grows beyond all bounds.


def tversky(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    smooth: float = 0.0,
    classes: str = "present",
    per_image: bool = False,
    weights: Float[Array, " k"] | None = None,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """1 - TP / (TP + alpha FP + beta FN), averaged over classes.

  Salehi et al. 2017 (arXiv:1706.05721, Eq. 4), whose Sec. 2.2 weighs missed
  pixels by 0.7. With p the softmax probability and g the truth of a class, TP
  is the sum of p g over the labelled pixels, FP that of p (1 - g), FN that of
  (1 - p) g. The paper has two classes; here the mean over classes is taken.

  Args:
    logits: of any float type, as large as the labels.
    labels: class ids; `ignore_label` marks what nobody labelled.
    alpha: weight of false positives.
    beta: weight of false negatives.
    smooth: added above and below the fraction line, in pixels.
    classes: "present" averages over the classes that occur in the labels,
      "all" over all; a class that does not occur has a loss of 1 without
      `smooth`.
    per_image: averages the loss over the images that have a label; otherwise
      the sums are over the batch.
    weights: one factor per class in the mean over classes.
    ignore_label: the pixels that do not count.

  >>> logits = jnp.log(jnp.array([[[[0.5, 0.5], [0.25, 0.75]]]]))
  >>> labels = jnp.array([[[0, 1]]])  # TP is 0.5 and 0.75.
  >>> print(f"{tversky(logits, labels, alpha=0.0, beta=1.0):.4f}")
  0.3750

  Raises:
    ValueError: the shapes differ, or an argument is out of its range.
  """
  index, counted = _index(
      logits,
      labels,
      (alpha, beta, smooth),
      classes=classes,
      per_image=per_image,
      ignore_label=ignore_label,
  )
  return _mean(1 - index, counted, weights)


def focal_tversky(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    smooth: float = 0.0,
    classes: str = "present",
    per_image: bool = False,
    weights: Float[Array, " k"] | None = None,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """(1 - Tversky index)**(1 / gamma), averaged over classes.

  Abraham and Khan 2019 (arXiv:1810.07842, Eq. 4), which sums over classes and
  calls the weight of missed pixels alpha: here `alpha` and `beta` are those of
  `tversky`, in the same proportion as the paper's.

  Args: as `tversky`, and
    gamma: 1 to 3 in the paper, which recommends 4/3.

  >>> logits = jnp.log(jnp.array([[[[0.5, 0.5], [0.25, 0.75]]]]))
  >>> labels = jnp.array([[[0, 1]]])
  >>> loss = focal_tversky(logits, labels, alpha=0.0, beta=1.0, gamma=2.0)
  >>> print(f"{loss:.4f}")  # (0.5**0.5 + 0.25**0.5) / 2
  0.6036

  Raises:
    ValueError: the shapes differ, or an argument is out of its range.
  """
  if gamma <= 0:
    raise ValueError(f"gamma is above 0, not {gamma}")
  index, counted = _index(
      logits,
      labels,
      (alpha, beta, smooth),
      classes=classes,
      per_image=per_image,
      ignore_label=ignore_label,
  )
  values = jnp.maximum(1 - index, _LEAST) ** (1 / gamma)
  return _mean(values, counted, weights)


def dice(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    *,
    squared: bool = True,
    smooth: float = 0.0,
    classes: str = "present",
    per_image: bool = False,
    weights: Float[Array, " k"] | None = None,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """1 - 2 sum p g / (sum p**2 + sum g**2), averaged over classes.

  The soft Dice of V-Net (Milletari et al. 2016, arXiv:1606.04797, Sec. 3), for
  the softmax probability p and the truth g of each class. The paper has one
  foreground class; here the mean over classes is taken.

  Args: as `tversky`, and
    squared: squares below the fraction line; without, it is the Tversky loss
      with alpha = beta = 1/2, as most later work has it.
    smooth: added above and below, in pixels.

  >>> logits = jnp.log(jnp.array([[[[0.5, 0.5], [0.25, 0.75]]]]))
  >>> labels = jnp.array([[[0, 1]]])
  >>> print(f"{dice(logits, labels, squared=False):.4f}")
  0.3810

  Raises:
    ValueError: the shapes differ, or an argument is out of its range.
  """
  index, counted = _index(
      logits,
      labels,
      (0.5, 0.5, smooth / 2),
      classes=classes,
      per_image=per_image,
      ignore_label=ignore_label,
      squared=squared,
  )
  return _mean(1 - index, counted, weights)


def iou(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    *,
    smooth: float = 0.0,
    classes: str = "present",
    per_image: bool = False,
    weights: Float[Array, " k"] | None = None,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """1 - sum p g / sum (p + g - p g), averaged over classes: soft Jaccard.

  Rahman and Wang 2016 (Optimizing Intersection-over-Union in Deep Neural
  Networks for Image Segmentation, ISVC, Sec. 3), for the softmax probability
  p and the truth g of each class; that of `tversky` with alpha = beta = 1. The
  paper has one foreground class; here the mean over classes is taken.

  Args: as `tversky`.

  >>> logits = jnp.log(jnp.array([[[[0.5, 0.5], [0.25, 0.75]]]]))
  >>> labels = jnp.array([[[0, 1]]])
  >>> print(f"{iou(logits, labels):.4f}")  # 1 - (0.5 / 1.25 + 0.75 / 1.5) / 2
  0.5500

  Raises:
    ValueError: the shapes differ, or an argument is out of its range.
  """
  index, counted = _index(
      logits,
      labels,
      (1.0, 1.0, smooth),
      classes=classes,
      per_image=per_image,
      ignore_label=ignore_label,
  )
  return _mean(1 - index, counted, weights)


def _index(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    numbers: tuple[float, float, float],
    *,
    classes: str,
    per_image: bool,
    ignore_label: int,
    squared: bool = False,
) -> tuple[Float[Array, "m k"], Bool[Array, "m k"]]:
  """Tversky indices of each class by image or of the batch, and which count."""
  pixels.check_classes(classes)
  if min(numbers) < 0:
    raise ValueError(
        "alpha, beta and smooth are at least 0, not"
        f" {', '.join(map(str, numbers))}"
    )
  alpha, beta, smooth = numbers
  logits, truth, valid = pixels.split(logits, labels, ignore_label)
  p = jnp.where(valid[..., None], jax.nn.softmax(logits), 0)
  g = pixels.one_hot(truth, valid, logits.shape[-1])
  axes = (1, 2) if per_image else (0, 1, 2)
  both, predicted, there = (
      jnp.sum(x, axes).reshape(-1, logits.shape[-1])
      for x in (p * g, p * p if squared else p, g)
  )
  # alpha FP + beta FN, from the whole of each.
  below = (1 - alpha - beta) * both + alpha * predicted + beta * there + smooth
  index = (both + smooth) / jnp.where(below > 0, below, 1)
  labelled = jnp.sum(there, 1, keepdims=True) > 0
  counted = there > 0 if classes == "present" else jnp.ones_like(there, bool)
  return index, counted & labelled


def _mean(
    values: Float[Array, "m k"],
    counted: Bool[Array, "m k"],
    weights: Float[Array, " k"] | None,
) -> Float[Array, ""]:
  """Over the classes that count, and over the rows that have one."""
  weights = 1.0 if weights is None else jnp.asarray(weights, jnp.float32)
  share = counted * weights
  total = jnp.sum(share, 1)
  rows = jnp.sum(jnp.where(counted, values, 0) * share, 1)
  return pixels.mean(rows / jnp.where(total > 0, total, 1), total > 0)
