"""Augmentation: one draw moves image and label together."""

import dataclasses
import math
from typing import Any

import cv2
from jaxtyping import UInt8
import numpy as np

from segjax.data import border_weights, draws, labels, on_host

MEAN_COLOUR = draws.MEAN_COLOUR
_TRIES = 10  # As many crops as the toolboxes that have the limit draw.
_PAIRS = ("crop", "scale", "border_weights", "border_classes")


@dataclasses.dataclass(frozen=True)
class Augment:
  """Random scale, crop, rotation, deformation, flip, colours, blur and holes.

  Called as augment(rng, example), it draws from `rng` alone and returns a new
  example. `draw` and `apply` are its two halves; `on_device` is another way to
  apply. Scaling, padding and cropping are done at once: a random window of the
  image is resized to the crop, so the cost is that of the window. Labels are
  always those of the nearest pixel, and 255 beyond the image.

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
    rotation: turns by up to so many degrees, uniformly, either way.
    elastic: standard deviation, in pixels of the result, of the displacements
      of a 3x3 grid, between which they are bicubic: 10 in U-Net
      (arXiv:1505.04597, Sec. 3.1). 0 for none.
    padding: what is beyond the image: its "mean" colour, ImageNet's, or its
      "mirror" image (U-Net, Sec. 2). Labels there are 255 either way.
    class_limit: the largest share of one class in the labelled pixels of a
      crop; another crop is drawn where it is exceeded, up to ten in all. 1
      for any, 0.75 in common toolboxes.
    blur: every second time on average, a Gaussian blur with a standard
      deviation of up to so many pixels; 0 for never.
    cutout: side in pixels of a square of mean colour, about a uniform place
      (arXiv:1708.04552, Sec. 3.2); its labels are 255. 0 for none.
    border_weights: w_0 and sigma of the map of pixel weights that becomes the
      example's "weight" (U-Net, Eq. (2)), or () for none.
    border_classes: the classes whose connected parts are its objects.

  Raises:
    ValueError: if a value is out of its range.
  """

  crop: tuple[int, int] | None
  scale: tuple[float, float] = (0.5, 2.0)
  flip: bool = True
  jitter: float = 0.0
  resize: float = 1.0
  rotation: float = 0.0
  elastic: float = 0.0
  padding: str = "mean"
  class_limit: float = 1.0
  blur: float = 0.0
  cutout: int = 0
  border_weights: tuple[float, ...] = ()
  border_classes: tuple[int, ...] = (1,)

  def __post_init__(self):
    for name in _PAIRS:  # A config gives lists.
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
    if self.resize <= 0:
      raise ValueError(f"resize is a positive factor, not {self.resize}.")
    if not 0 <= self.jitter < 1:
      raise ValueError(f"jitter is at least 0 and below 1, not {self.jitter}.")
    for name, high in (("rotation", 180), ("elastic", 100), ("blur", 50)):
      if not 0 <= getattr(self, name) <= high:
        raise ValueError(f"{name} is 0 to {high}, not {getattr(self, name)}.")
    if self.crop is not None and self.blur_radius >= min(self.crop):
      raise ValueError(f"blur={self.blur} is too wide for crop={self.crop}.")
    if self.padding not in draws.PADDINGS:
      raise ValueError(
          f"padding is one of {', '.join(draws.PADDINGS)}, not {self.padding!r}"
      )
    if not 0 < self.class_limit <= 1:
      raise ValueError(f"class_limit is above 0 to 1, not {self.class_limit}.")
    if self.cutout < 0:
      raise ValueError(f"cutout is at least 0 pixels, not {self.cutout}.")
    border = self.border_weights
    if border and (len(border) != 2 or border[0] < 0 or border[1] <= 0):
      raise ValueError(f"border_weights is (w_0, sigma > 0), not {border}.")

  def __call__(
      self, rng: np.random.Generator, example: dict[str, Any]
  ) -> dict[str, Any]:
    return self.apply(self.draw(rng, example["label"]), example)

  def draw(
      self, rng: np.random.Generator, label: UInt8[np.ndarray, "h w"]
  ) -> draws.Draw:
    """Everything random. Of the label, it heeds the size and `class_limit`."""
    window, size = self._window(rng, label)
    flip = self.flip and rng.random() < 0.5
    colour = draws.SAME_COLOUR
    if self.jitter:
      j = self.jitter
      factors = rng.uniform(1 - j, 1 + j, size=3)
      colour = draws.colour(*factors, rng.uniform(-j, j) * math.pi / 5)
    angle = rng.uniform(-self.rotation, self.rotation) if self.rotation else 0
    bend = draws.bend(rng, self.elastic, 3 if self.elastic else 0)
    blur = rng.uniform(0, self.blur) if self.blur and rng.random() < 0.5 else 0
    hole = np.zeros(4, np.int32)
    if self.cutout:
      start = np.array([rng.integers(n) for n in size]) - self.cutout // 2
      ends = np.concatenate([start, start + self.cutout])
      hole = ends.clip(0, [*size, *size]).astype(np.int32)
    return draws.Draw(
        np.array(window, np.int32),
        draws.turn(angle),
        bend,
        np.array(flip, bool),
        colour,
        np.array(blur, np.float32),
        hole,
    )

  def apply(self, draw: draws.Draw, example: dict[str, Any]) -> dict[str, Any]:
    """The example that a draw makes, with OpenCV."""
    image, label = example["image"], example["label"]
    size = self._size(label.shape)
    canvas = self.canvas(size)
    image, label = on_host.resample(
        image, label, draw.window, canvas, self.padding
    )
    if canvas != size:
      image, label = on_host.warp(image, label, draw, size)
    if draw.flip:
      image, label = cv2.flip(image, 1), cv2.flip(label, 1)
    # What belongs to the source must not be drawn into.
    copy = np.array if self.cutout else np.ascontiguousarray
    image, label = copy(image), copy(label)
    if self.jitter:
      image = on_host.recolour(image, draw.colour)
    if draw.blur > 0:
      image = on_host.blur(image, float(draw.blur), self.blur_radius)
    if self.cutout:
      top, left, bottom, right = draw.hole
      image[top:bottom, left:right] = MEAN_COLOUR
      label[top:bottom, left:right] = labels.VOID
    new = example | {"image": image, "label": label}
    if self.border_weights:
      new["weight"] = self._weight(label)
    return new

  def canvas(self, size: tuple[int, int]) -> tuple[int, int]:
    """The size before turning and bending, which is larger."""
    if not self.rotation and not self.elastic:
      return tuple(size)
    return draws.canvas_size(size, self.rotation, self.elastic)

  @property
  def blur_radius(self) -> int:
    """Pixels that a blur reaches to each side: three standard deviations."""
    return math.ceil(3 * self.blur)

  def _size(self, shape: tuple[int, int]) -> tuple[int, int]:
    return self.crop or scaled(shape, self.resize)

  def _window(
      self, rng: np.random.Generator, label: UInt8[np.ndarray, "h w"]
  ) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """Top, left, height and width in the source; the size it becomes."""
    factor = rng.uniform(*self.scale) * self.resize
    size = self._size(label.shape)
    inner = label.shape if self.crop is None else scaled(size, 1 / factor)
    for _ in range(_TRIES):
      # A window larger than the image lies around it, wherever it falls.
      top, left = (
          int(rng.integers(min(0, n - m), max(0, n - m) + 1))
          for n, m in zip(label.shape, inner)
      )
      if self.class_limit == 1 or self.crop is None:
        break
      if self._varied(label, top, left, *inner):
        break
    canvas = self.canvas(size)
    outer = inner if canvas == size else scaled(canvas, 1 / factor)
    top, left = (
        top - (outer[0] - inner[0]) // 2,
        left - (outer[1] - inner[1]) // 2,
    )
    return (top, left, *outer), size

  def _varied(
      self,
      label: UInt8[np.ndarray, "h w"],
      top: int,
      left: int,
      height: int,
      width: int,
  ) -> bool:
    """Whether no class exceeds the limit, at every second row and column."""
    bottom, right = top + height, left + width
    seen = label[max(top, 0) : bottom : 2, max(left, 0) : right : 2]
    counts = np.bincount(seen.ravel(), minlength=256)[: labels.VOID]
    return counts.max() <= self.class_limit * counts.sum() and counts.any()

  def _weight(self, label: UInt8[np.ndarray, "h w"]) -> np.ndarray:
    """U-Net's map, in which both classes weigh the same where labelled."""
    border, sigma = self.border_weights
    objects = border_weights.objects_of(label, self.border_classes)
    known = max(1, np.sum(label != labels.VOID))
    share = np.sum(objects > 0) / known
    shares = np.clip([1 - share, share], 1 / known, 1)
    return border_weights.border_weights(
        objects,
        class_weights=tuple(0.5 / shares),
        border=border,
        sigma=sigma,
    )


def scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
  """A size times a factor, rounded, at least one pixel."""
  return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
