"""What the numbers in a label map mean."""

import dataclasses

import numpy as np

from segjax import types

VOID = types.VOID


@dataclasses.dataclass(frozen=True)
class LabelSet:
  """The classes of a data set: train id i has names[i] and palette[i].

  Attributes:
    names: one per class, all different; at most 255, as 255 is void.
    palette: an RGB colour per class, 0 to 255 each.

  Raises:
    ValueError: if names and palette do not fit together.
  """

  names: tuple[str, ...]
  palette: tuple[tuple[int, int, int], ...]

  def __post_init__(self):
    if not 1 <= len(self.names) <= VOID:
      raise ValueError(
          f"A label set has 1 to {VOID} classes, not {len(self.names)}."
      )
    if len(set(self.names)) != len(self.names):
      raise ValueError(f"Class names must differ: {', '.join(self.names)}.")
    if len(self.palette) != len(self.names):
      raise ValueError(
          f"{len(self.names)} names need as many colours, "
          f"not {len(self.palette)}."
      )

  def __len__(self) -> int:
    return len(self.names)

  def colours(self) -> np.ndarray:
    """RGB of every value a label can have, uint8 (256, 3); unused is black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(self)] = self.palette
    return table
