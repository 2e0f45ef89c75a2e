"""Averages what a network says of an image that is turned and mirrored."""

from collections.abc import Callable

from jaxtyping import Float, UInt8
import numpy as np

SYMMETRIES = tuple(
    (turns, mirrored) for mirrored in (0, 1) for turns in range(4)
)
"""Of the square: quarter turns to the left, after mirroring left and right."""


def average(
    predict: Callable[
        [UInt8[np.ndarray, "h2 w2 c"]], Float[np.ndarray, "h2 w2"]
    ],
    image: UInt8[np.ndarray, "h w c"],
    views: int,
) -> Float[np.ndarray, "h w"]:
  """The mean of a prediction over the first of `SYMMETRIES`.

  Each view is a rearrangement of pixels, so nothing is interpolated, and its
  prediction is turned back before the mean is taken.

  Args:
    predict: the map of a view, (w, h) where it is turned on its side.
    image: the image.
    views: how many, 1 (the image itself) to 8.

  Raises:
    ValueError: another number of views.
  """
  if not 1 <= views <= len(SYMMETRIES):
    raise ValueError(
        f"{views} views were asked for; there are 1 to {len(SYMMETRIES)}"
    )
  total = np.zeros(image.shape[:2], np.float64)
  for turns, mirrored in SYMMETRIES[:views]:
    view = np.rot90(image[:, ::-1] if mirrored else image, turns)
    answer = np.rot90(predict(np.ascontiguousarray(view)), -turns)
    total += answer[:, ::-1] if mirrored else answer
  return (total / views).astype(np.float32)


def describe(views: int) -> str:
  """The views in words."""
  words = [
      f"{'mirrored, ' if mirrored else ''}turned by {90 * turns} degrees"
      for turns, mirrored in SYMMETRIES[:views]
  ]
  return "; ".join(words)
