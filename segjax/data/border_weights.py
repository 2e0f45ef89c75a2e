"""U-Net's map of weights, which draws borders between touching objects.

Ronneberger et al. 2015 (arXiv:1505.04597), Sec. 3, Eq. (2) and Fig. 3.
"""

from collections.abc import Sequence

import cv2
from jaxtyping import Float32, Integer, UInt8
import numpy as np

from segjax.data import labels


def border_weights(
    objects: Integer[np.ndarray, "h w"],
    *,
    class_weights: tuple[float, float] | None = None,
    border: float = 10.0,
    sigma: float = 5.0,
) -> Float32[np.ndarray, "h w"]:
  """The weight of every pixel, Eq. (2).

  w(x) = w_c(x) + w_0 exp(-(d_1(x) + d_2(x))^2 / (2 sigma^2)), where d_1 and d_2
  are the distances from x to the nearest and to the second nearest object. The
  paper leaves open what d is inside of an object, and what balances classes;
  here the second term is for the background alone, which the network has to
  learn between touching objects, and both classes weigh as much in total as
  half of the pixels. Distances are Euclidean, between centres of pixels.

  Args:
    objects: 0 is background, every other number one object.
    class_weights: w_c of background and objects; None balances them.
    border: w_0.
    sigma: of the distances, in pixels.

  Raises:
    ValueError: `sigma` is not positive, or there are not two class weights.
  """
  if sigma <= 0:
    raise ValueError(f"sigma is {sigma}; it must be positive, in pixels")
  background = objects == 0
  if class_weights is None:
    shares = np.array([background.mean(), 1 - background.mean()])
    class_weights = 0.5 / np.maximum(shares, 1 / objects.size)
  if len(class_weights) != 2:
    raise ValueError(
        f"there are {len(class_weights)} class weights; background and objects"
        " need two"
    )
  weights = np.where(background, *class_weights).astype(np.float32)
  nearest = np.full(objects.shape, np.inf, np.float32)
  second = nearest.copy()
  for label in np.unique(objects[~background]):
    distance = cv2.distanceTransform(
        (objects != label).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    second = np.minimum(second, np.maximum(nearest, distance))
    nearest = np.minimum(nearest, distance)
  term = border * np.exp(-np.square(nearest + second) / (2 * sigma**2))
  return weights + np.where(background, term, 0).astype(np.float32)


def objects_of(
    label: UInt8[np.ndarray, "h w"], classes: Sequence[int] = (1,)
) -> Integer[np.ndarray, "h w"]:
  """The connected parts of some classes, numbered from 1, for Eq. (2).

  Neighbours share an edge: cells that touch in a corner are two.
  """
  foreground = np.isin(label, classes) & (label != labels.VOID)
  _, parts = cv2.connectedComponents(
      foreground.astype(np.uint8), connectivity=4
  )
  return parts
