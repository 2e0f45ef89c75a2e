"""Examples that tests of losses share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from segjax import losses


def case(num_classes=4, void=True):
  """Random logits and labels, some of them void."""
  keys = jax.random.split(jax.random.key(0))
  shape = (2, 5, 7)
  logits = jax.random.normal(keys[0], (*shape, num_classes)) * 2
  labels = jax.random.randint(keys[1], shape, 0, min(num_classes, 3))
  return logits, labels.at[:, :2, 3].set(255) if void else labels


def binary():
  """One channel of logits, and labels 0, 1 and void."""
  logits, labels = case()
  labels = jnp.where(labels == 255, 255, labels % 2)
  return logits[..., :1], labels


def multiclass():
  """Every loss of (n, h, w, k) logits, and its variants, by name."""
  partial = functools.partial
  weights = np.array([0.2, 1.0, 3.0, 0.5], np.float32)
  found = {
      "ohem": partial(losses.ohem_cross_entropy, min_kept=8, threshold=0.1),
      "bootstrapped": partial(losses.bootstrapped_cross_entropy, pixels=9),
      "focal": losses.focal,
      "focal root": partial(losses.focal, gamma=0.5, weights=weights),
      "dice": losses.dice,
      "dice linear": partial(losses.dice, squared=False, smooth=1.0),
      "iou": losses.iou,
      "tversky": losses.tversky,
      "focal tversky": losses.focal_tversky,
      "lovasz": losses.lovasz_softmax,
      "cross entropy": losses.cross_entropy,
      "cross entropy weighted": partial(losses.cross_entropy, weights=weights),
  }
  for name in ("dice", "iou", "tversky", "focal tversky", "lovasz"):
    function = found[name]
    found[f"{name} all"] = partial(function, classes="all")
    found[f"{name} per image"] = partial(function, per_image=True)
  found["tversky weighted"] = partial(losses.tversky, weights=weights)
  return found


def every():
  """Name -> (loss, logits, labels) for all losses there are."""
  found = {k: (loss, *case()) for k, loss in multiclass().items()}
  one, labels = binary()
  found["hinge"] = (losses.lovasz_hinge, one, labels)
  flat = functools.partial(losses.lovasz_hinge, per_image=False)
  found["hinge of the batch"] = (flat, one, labels)
  border = functools.partial(losses.border, radius=1, alpha=0.25)
  found["border"] = (border, one, case()[1])
  found["presence"] = (losses.presence, case()[0][:, 0, 0], case()[1])
  return found
