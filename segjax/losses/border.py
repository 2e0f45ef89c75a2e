"""Where classes meet: DFN's border loss."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from segjax.losses import pixels


def border(
    logits: Float[Array, "n h w 1"],
    labels: Int[Array, "n h w"],
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    radius: int = 3,
    void_as: int = 0,
    ignore_label: int = 255,
) -> Float[Array, ""]:
  """Mean focal loss of the semantic border over the labelled pixels, in nats.

  Yu et al. 2018 (arXiv:1804.09337, Sec. 3.3): borders are drawn from the labels
  by a classical edge detector, and the focal loss meets their rarity. The paper
  leaves their width and the loss's numbers open. Its authors' code thickens
  Canny's edges to 7 pixels, with void as background, and asks for gamma 2 and
  alpha 0.25.

  Args:
    logits: of a sigmoid, of the border; of two channels, their difference.
    labels: class ids; `ignore_label` marks what nobody labelled.
    gamma: exponent of the focal loss.
    alpha: weight of the border, that of the rest being 1 - alpha; both 1 if
      None.
    radius: as in `border_labels`.
    void_as: as in `border_labels`.
    ignore_label: the pixels that do not count.

  >>> logits = jnp.zeros((1, 1, 2, 1))
  >>> labels = jnp.array([[[0, 1]]])
  >>> print(f"{border(logits, labels, gamma=0.0):.4f}")
  0.6931

  Raises:
    ValueError: the shapes differ, there are more than two channels, or a
      number is out of its range.
  """
  pixels.split(logits, labels, ignore_label)
  targets = border_labels(
      labels, radius=radius, void_as=void_as, ignore_label=ignore_label
  )
  logits = pixels.foreground(logits)
  nats = jax.nn.softplus(jnp.where(targets, -logits, logits))
  nats = nats * pixels.focus(nats, gamma)
  if alpha is not None:
    nats = nats * jnp.where(targets, alpha, 1 - alpha)
  return pixels.mean(nats, labels != ignore_label)


def border_labels(
    labels: Int[Array, "n h w"],
    *,
    radius: int = 3,
    void_as: int = 0,
    ignore_label: int = 255,
) -> Bool[Array, "n h w"]:
  """The pixels that have another class within `radius` rows and columns.

  A border is then 2 `radius` pixels wide, half of it on either side.

  Args:
    labels: class ids; `ignore_label` marks what nobody labelled.
    radius: at least 1.
    void_as: the class that unlabelled pixels stand for: the background of VOC,
      whose objects have an unlabelled rim. `ignore_label` itself makes a class
      of them, around which there are borders.
    ignore_label: marks what nobody labelled.

  >>> labels = jnp.array([[[0, 0, 0, 1, 1]]])
  >>> print(border_labels(labels, radius=1).astype(int))
  [[[0 0 1 1 0]]]
  """
  if radius < 1:
    raise ValueError(f"radius is at least 1 pixel, not {radius}")
  labels = labels.astype(jnp.int32)
  labels = jnp.where(labels == ignore_label, void_as, labels)
  limits = jnp.iinfo(labels.dtype)
  highest = _window(labels, jax.lax.max, limits.min, radius)
  lowest = _window(labels, jax.lax.min, limits.max, radius)
  return highest != lowest


def _window(x, reduce, start, radius):
  """Reduces the square window around each pixel, columns first, then rows."""
  start = jnp.asarray(start, x.dtype)
  for window in ((1, 1, 2 * radius + 1), (1, 2 * radius + 1, 1)):
    x = jax.lax.reduce_window(x, start, reduce, window, (1, 1, 1), "SAME")
  return x
