"""Fully connected CRFs with Gaussian edges, Krähenbühl and Koltun 2011.

arXiv:1210.5644. `dense_crf` sharpens the probabilities of a network along the
edges of the image.
"""

from collections.abc import Sequence
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from segjax.ops import filters

Compatibility = float | Float[Array, " k"] | Float[Array, "k k"]


class Spatial(NamedTuple):
  """The smoothness kernel, the second term of Eq. (3).

  Attributes:
    xy: standard deviation in pixels (theta_gamma).
    compatibility: a number or one per class is Potts: what a label saves where
      its neighbours have it too (w2). A matrix is an energy mu(l, l'), what it
      costs to have l beside l'.
  """

  xy: float
  compatibility: Compatibility


class Bilateral(NamedTuple):
  """The appearance kernel, the first term of Eq. (3).

  Attributes:
    xy: standard deviation in pixels (theta_alpha).
    rgb: standard deviation in grey levels (theta_beta).
    compatibility: as of `Spatial` (w1).
  """

  xy: float
  rgb: float
  compatibility: Compatibility


Kernel = Spatial | Bilateral

SETTINGS = {
    "pydensecrf": (Spatial(3, 3), Bilateral(80, 13, 10)),
    "deeplab_v1": (Spatial(3, 3), Bilateral(50, 10, 5)),
    "deeplab_v1_largefov": (Spatial(3, 3), Bilateral(121, 5, 4)),
    "deeplab_v1_msc_largefov": (Spatial(3, 3), Bilateral(83, 5, 4)),
    "deeplab_v2_vgg16": (Spatial(2, 2), Bilateral(65, 3, 4)),
    "deeplab_v2_resnet101": (Spatial(1, 3), Bilateral(67, 3, 4)),
}
"""Name -> kernels, for ten iterations.

pydensecrf's are those of its example. DeepLab's (arXiv:1412.7062, Sec. 4.1, and
arXiv:1606.00915, Sec. 4.1.2) are the values found by cross-validation on VOC
2012 that came with the authors' models; the papers state only the ranges.
"""


def dense_crf(
    logits: Float[Array, "n h w k"],
    image: Num[Array, "n h w c"],
    kernels: Sequence[Kernel] = SETTINGS["deeplab_v2_resnet101"],
    *,
    iterations: int = 10,
    normalization: str = "symmetric",
    method: str = "lattice",
) -> Float[Array, "n h w k"]:
  """Marginals by mean field (Algorithm 1), in float32.

  The message includes the one from the pixel to itself, as in the authors'
  program. Gradients reach the logits and the compatibilities.

  Args:
    logits: log-probabilities, up to a constant per pixel: minus the unary
      energies.
    image: colours of 0 to 255, in any integer or float type.
    kernels: `Spatial` and `Bilateral` ones, in any number; see `SETTINGS`.
    iterations: updates of all pixels at once.
    normalization: "symmetric", "before", "after" or "none"; see
      `filters.normalized`.
    method: "lattice", or "exact" with work that grows as (h w)^2.

  Raises:
    ValueError: the image does not lie under the logits, a compatibility has
      another number of classes, or another method or normalisation.
  """
  classes = logits.shape[-1]
  if image.shape[:3] != logits.shape[:3]:
    raise ValueError(
        f"image {image.shape} does not lie under logits {logits.shape}: both"
        " must have the same n, h and w"
    )
  if iterations < 0:
    raise ValueError(f"iterations is {iterations}; possible are 0, 1, ...")
  for kernel in kernels:
    shape = jnp.shape(kernel.compatibility)
    if shape not in ((), (classes,), (classes, classes)):
      raise ValueError(
          f"a compatibility has shape {shape}; for {classes} classes possible"
          f" are (), ({classes},) and ({classes}, {classes})"
      )
  one = functools.partial(
      _mean_field,
      kernels=kernels,
      iterations=iterations,
      normalization=normalization,
      method=method,
  )
  # One image after the other: their lattices differ in size.
  return jax.lax.map(lambda pair: one(*pair), (logits, image))


def _mean_field(logits, image, *, kernels, iterations, **options):
  height, width, classes = logits.shape
  unary = logits.reshape(-1, classes).astype(jnp.float32)
  passes = []
  for kernel in kernels:
    if isinstance(kernel, Spatial):
      smooth = filters.spatial_filter(height, width, kernel.xy, **options)
    else:
      smooth = filters.bilateral_filter(image, *kernel[:2], **options)
    passes.append((smooth, kernel.compatibility))

  def update(marginals, _):
    score = unary
    for smooth, compatibility in passes:
      score = score + _compatible(smooth(marginals), compatibility)
    return jax.nn.softmax(score), None

  marginals, _ = jax.lax.scan(update, jax.nn.softmax(unary), length=iterations)
  return marginals.reshape(logits.shape)


def _compatible(message, compatibility):
  """The compatibility transform of Algorithm 1, as minus an energy."""
  compatibility = jnp.asarray(compatibility, jnp.float32)
  if compatibility.ndim == 2:
    return -jnp.matmul(
        message, compatibility.T, precision=jax.lax.Precision.HIGHEST
    )
  return message * compatibility
