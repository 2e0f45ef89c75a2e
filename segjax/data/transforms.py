"""Augmentation on the host: one draw moves image and label together."""

import dataclasses
from typing import Any

import cv2
from jaxtyping import UInt8
import numpy as np

from segjax.data import labels

MEAN_COLOUR = (124, 116, 104)
"""RGB mean of ImageNet, rounded: what images are padded with."""


@dataclasses.dataclass(frozen=True)
class Augment:
  """Random scale, pad, crop, flip and photometric jitter.

  Called as augment(rng, example), it draws from `rng` alone and returns a new
  example. Scaling, padding and cropping are done at once: a random window of
  the image is resized to the crop, so the cost is that of the window.

  Attributes:
    crop: height and width of the result, or None for the whole image.
    scale: range of the uniform random scale, as in DeepLab's 0.5 to 2
      (arXiv:1606.00915, Sec. 4.1). Needs a crop, unless it is (1, 1).
    flip: mirrors left and right, every second time on average.
    jitter: strength j of the photometric jitter, 0 for none. Brightness,
      contrast and saturation are multiplied by 1 - j to 1 + j each, the hue
      turns by up to j/10 of the circle. 0.5 is about as strong as in SSD
      (arXiv:1512.02325, Sec. 3.6).
    resize: a fixed factor before all else: 0.5 trains at half resolution.

  Raises:
    ValueError: if a value is out of its range.
  """

  crop: tuple[int, int] | None
  scale: tuple[float, float] = (0.5, 2.0)
  flip: bool = True
  jitter: float = 0.0
  resize: float = 1.0

  def __post_init__(self):
    for name in ("crop", "scale"):  # A config gives lists.
      value = getattr(self, name)
      if value is not None:
        object.__setattr__(self, name, tuple(value))
    if self.crop is not None and (len(self.crop) != 2 or min(self.crop) < 1):
      raise ValueError(f"crop is (height, width) or None, not {self.crop}.")
    if len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1]:
      raise ValueError(f"scale is (low, high), 0 < low, not {self.scale}.")
    if self.crop is None and self.scale != (1, 1):
      raise ValueError(
          f"scale={self.scale} needs a crop, as a batch has one size only; "
          "without a crop it is (1, 1)."
      )
    if not 0 <= self.jitter < 1:
      raise ValueError(f"jitter is at least 0 and below 1, not {self.jitter}.")
    if self.resize <= 0:
      raise ValueError(f"resize is a positive factor, not {self.resize}.")

  def __call__(
      self, rng: np.random.Generator, example: dict[str, Any]
  ) -> dict[str, Any]:
    image, label = example["image"], example["label"]
    top, left, height, width, size = self._window(rng, *label.shape)
    image = cut(image, top, left, height, width, MEAN_COLOUR)
    label = cut(label, top, left, height, width, labels.VOID)
    image, label = resize_image(image, size), resize_label(label, size)
    if self.flip and rng.random() < 0.5:
      image, label = image[:, ::-1], label[:, ::-1]
    if self.jitter:
      image = jitter(rng, image, self.jitter)
    return example | {
        "image": np.ascontiguousarray(image),
        "label": np.ascontiguousarray(label),
    }

  def _window(
      self, rng: np.random.Generator, height: int, width: int
  ) -> tuple[int, int, int, int, tuple[int, int]]:
    """Top, left, height and width of a window, and the size it becomes."""
    factor = rng.uniform(*self.scale) * self.resize
    if self.crop is None:
      return 0, 0, height, width, scaled((height, width), factor)
    window = scaled(self.crop, 1 / factor)
    # A window larger than the image lies around it, wherever it falls.
    top, left = (
        int(rng.integers(min(0, slack), max(0, slack) + 1))
        for slack in (height - window[0], width - window[1])
    )
    return top, left, *window, self.crop


def scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
  """A size times a factor, rounded, at least one pixel."""
  return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def cut(
    array: UInt8[np.ndarray, "h w *c"],
    top: int,
    left: int,
    height: int,
    width: int,
    fill: int | tuple[int, ...],
) -> UInt8[np.ndarray, "height width *c"]:
  """A window of an array, filled where it reaches beyond it."""
  bottom, right = top + height, left + width
  inside = array[max(top, 0) : bottom, max(left, 0) : right]
  if inside.shape[:2] == (height, width):
    return inside
  out = np.empty((height, width, *array.shape[2:]), array.dtype)
  out[:] = fill
  y, x = max(-top, 0), max(-left, 0)
  out[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
  return out


def resize_image(
    image: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]
) -> UInt8[np.ndarray, "_ _ 3"]:
  """Bilinear; the mean over the area where it shrinks, against aliasing."""
  if image.shape[:2] == tuple(size):
    return image
  shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
  method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
  return cv2.resize(image, (size[1], size[0]), interpolation=method)


def resize_label(
    label: UInt8[np.ndarray, "h w"], size: tuple[int, int]
) -> UInt8[np.ndarray, "_ _"]:
  """Nearest, at pixel centres as the image's interpolation has them."""
  if label.shape == tuple(size):
    return label
  return cv2.resize(
      label, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT
  )


def jitter(
    rng: np.random.Generator, image: UInt8[np.ndarray, "h w 3"], strength: float
) -> UInt8[np.ndarray, "h w 3"]:
  """Brightness, contrast, saturation and hue, as tables of 256 values."""
  brightness, contrast, saturation = rng.uniform(
      1 - strength, 1 + strength, size=3
  )
  turn = rng.uniform(-strength, strength) * 18  # OpenCV's circle has 180.
  values = np.arange(256)
  mean = brightness * np.mean(cv2.mean(image)[:3])
  table = contrast * (brightness * values - mean) + mean
  image = cv2.LUT(image, _bytes(table))
  hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
  tables = (values + turn) % 180, saturation * values, values
  hsv = cv2.LUT(hsv, np.stack([_bytes(t) for t in tables], -1)[None])
  return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _bytes(values: np.ndarray) -> UInt8[np.ndarray, "..."]:
  return np.clip(np.rint(values), 0, 255).astype(np.uint8)
