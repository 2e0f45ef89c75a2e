"""Pictures of predictions."""

from jaxtyping import Int, UInt8
import numpy as np

Picture = UInt8[np.ndarray, "h w 3"]
_GAP = 4


def side_by_side(
    image: Picture,
    label: Int[np.ndarray, "h w"],
    prediction: Int[np.ndarray, "h w"],
    colours: UInt8[np.ndarray, "256 3"],
) -> UInt8[np.ndarray, "h w3 3"]:
  """The image, the truth and the prediction, the latter two over the image.

  `colours` is RGB by class; what nobody labelled (255) has the last.
  """
  gap = np.full((image.shape[0], _GAP, 3), 255, np.uint8)
  parts = [image]
  for classes in (label, prediction):
    parts += [gap, overlay(image, colours[np.asarray(classes)])]
  return np.concatenate(parts, axis=1)


def overlay(image: Picture, colour: Picture, opacity: float = 0.6) -> Picture:
  """Colours over an image."""
  mixed = (1 - opacity) * image + opacity * colour
  return np.round(mixed).astype(np.uint8)
