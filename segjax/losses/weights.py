"""Class weights from how many pixels each class has.

All read the labelled pixels by image and class, which `count` counts.
"""

from collections.abc import Iterable

from jaxtyping import Float, Int
import numpy as np

Counts = Int[np.ndarray, "images k"]


def count(labels: Iterable[Int[np.ndarray, "h w"]], num_classes: int) -> Counts:
  """The pixels of each class (columns) in each label map (rows).

  What is no class, such as 255, is not counted.
  """
  rows = [
      np.bincount(np.ravel(label), minlength=num_classes)[:num_classes]
      for label in labels
  ]
  return np.asarray(rows, np.int64).reshape(-1, num_classes)


def inverse_frequency(counts: Counts) -> Float[np.ndarray, " k"]:
  """1 / frequency, scaled so that the mean over all pixels is 1.

  A class that never occurs has weight 0.

  >>> print(inverse_frequency(np.array([[30, 10]])).round(2))
  [0.67 2.  ]
  """
  pixels = counts.sum(0)
  occurs = pixels > 0
  weights = pixels.sum() / np.maximum(pixels, 1) / max(occurs.sum(), 1)
  return np.where(occurs, weights, 0.0)


def median_frequency(counts: Counts) -> Float[np.ndarray, " k"]:
  """The median of the classes' frequencies over the class's own.

  Eigen and Fergus 2015 (arXiv:1411.4734, Sec. 6.3.2), as SegNet trains
  (arXiv:1511.00561, Sec. 4): a frequency is the share of the labelled pixels of
  those images that show the class. A class that never occurs has weight 0.

  >>> print(median_frequency(np.array([[30, 10, 0], [10, 0, 30]])).round(2))
  [1.   2.   0.67]
  """
  pixels = counts.sum(0)
  occurs = pixels > 0
  around = ((counts > 0) * counts.sum(1, keepdims=True)).sum(0)
  frequency = pixels / np.maximum(around, 1)
  if not occurs.any():
    return np.zeros(len(pixels))
  median = np.median(frequency[occurs])
  return np.where(occurs, median / np.where(occurs, frequency, 1), 0.0)


def enet(counts: Counts, c: float = 1.02) -> Float[np.ndarray, " k"]:
  """1 / ln(c + frequency): 1.4 to 50.5 (Paszke et al. 2016, arXiv:1606.02147).

  Their Sec. 5.1.

  >>> print(enet(np.array([[30, 10]])).round(2))
  [1.75 4.18]
  """
  pixels = counts.sum(0)
  return 1 / np.log(c + pixels / max(pixels.sum(), 1))


BALANCES = {
    "inverse_frequency": inverse_frequency,
    "median_frequency": median_frequency,
    "enet": enet,
}
"""By the names that a config uses."""
