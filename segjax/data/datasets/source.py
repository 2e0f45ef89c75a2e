"""Random access to a prepared split, decoded by OpenCV."""

import functools
from typing import Any

import cv2
import numpy as np

# Masks do not follow a photograph's orientation tag, so it must not either.
_IMAGE = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


class Source:
  """A sequence of {"image", "label", "id"}; safe to read from many threads.

  `image` is uint8 (h, w, 3) RGB, `label` uint8 (h, w), `id` a string.

  Attributes:
    name: data set and split, for messages.
  """

  def __init__(self, builder: Any, split: str):
    import tensorflow_datasets as tfds  # Slow, as below.

    self.name = f"{builder.info.full_name}, {split}"
    features = builder.info.features
    missing = {"image", "label"} - set(features)
    if missing:
      raise ValueError(
          f"{self.name}: a data set needs the features image and label; "
          f"it has {', '.join(sorted(features))}."
      )
    self._builder, self._split = builder, split
    skip = tfds.decode.SkipDecoding()
    try:
      self._records = builder.as_data_source(
          split, decoders={"image": skip, "label": skip}
      )
    except (ValueError, KeyError, AssertionError) as error:
      raise ValueError(
          f"{builder.info.full_name} has no split {split!r}; it has "
          f"{', '.join(builder.info.splits)}, and parts and sums of them "
          'such as "train[:10%]" and "train+validation".'
      ) from error

  def __len__(self) -> int:
    return len(self._records)

  def __getitem__(self, index: int) -> dict[str, Any]:
    record = self._records[index]
    label = self._decode(record["label"], cv2.IMREAD_UNCHANGED, index)
    return {
        "image": self._decode(record["image"], _IMAGE, index),
        "label": label,
        "id": record.get("id", str(index).encode()).decode(),
    }

  @functools.cached_property
  def sizes(self) -> list[tuple[int, int]]:
    """Height and width of every image, without decoding, where stored."""
    stored = (self._builder.info.metadata or {}).get("sizes")
    if stored is None:
      return [self[i]["label"].shape for i in range(len(self))]
    import tensorflow_datasets as tfds

    parts = tfds.core.ReadInstruction.from_spec(self._split)
    return [
        tuple(size)
        for part in parts.to_absolute(self._builder.info.splits)
        for size in stored[part.splitname][part.from_ : part.to]
    ]

  def _decode(self, encoded: bytes, mode: int, index: int) -> np.ndarray:
    try:
      decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), mode)
    except cv2.error:  # Nothing at all, or far too many pixels declared.
      decoded = None
    if decoded is None:
      raise ValueError(f"{self.name}: OpenCV cannot decode example {index}.")
    return decoded
