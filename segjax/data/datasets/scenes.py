"""Paints scenes of textured shapes and their label maps."""

import colorsys

import cv2
from jaxtyping import Bool, Float, UInt8
import numpy as np

from segjax.data import labels

_BITS = 4  # OpenCV's polygons in sixteenths of a pixel.


def _arc(n: int = 48, radius: float = 1.0, start: float = 0.0) -> np.ndarray:
  """Points on a circle; few make a regular polygon."""
  angle = start + 2 * np.pi * np.arange(n) / n
  return radius * np.stack([np.cos(angle), np.sin(angle)], -1)


def _star(n: int, depth: float) -> np.ndarray:
  """A star of n points whose notches reach in to `depth` of the radius."""
  points = _arc(2 * n)
  points[1::2] *= depth
  return points


def _cross(arm: float = 0.36) -> np.ndarray:
  """A plus of two bars, each `arm` half as wide as long."""
  corner = np.array([(1, -arm), (1, arm), (arm, arm)])
  turn = np.array([(0, 1), (-1, 0)])
  return np.concatenate(
      [corner @ np.linalg.matrix_power(turn, i) for i in range(4)]
  )


def _crescent() -> np.ndarray:
  outer = _arc()[6:43]
  inner = _arc(48, 0.75)[6:43] + (0.45, 0)
  return np.concatenate([outer, inner[::-1]])


_FORMS = {
    "disc": (_arc(),),
    "square": (_arc(4),),
    "triangle": (_arc(3),),
    "star": (_star(5, 0.42),),
    "ring": (_arc(), _arc(radius=0.55)),
    "cross": (_cross(),),
    "bar": (np.array([(1, 0.3), (-1, 0.3), (-1, -0.3), (1, -0.3)]),),
    "crescent": (_crescent(),),
    "frame": (_arc(4), _arc(4, 0.55)),
    "ellipse": (_arc() * (1, 0.5),),
}


def form(index: int) -> tuple[str, tuple[Float[np.ndarray, "_ 2"], ...]]:
  """Name and outlines of a form in the unit circle; a second one is a hole.

  The first ten are drawn by hand; further ones are cog wheels with ever more
  teeth, so that there are as many as anyone asks for.
  """
  if index < len(_FORMS):
    return tuple(_FORMS.items())[index]
  teeth = index - len(_FORMS) + 6
  return f"{teeth}-cog", (_star(teeth, 0.7),)


def label_set(num_classes: int) -> labels.LabelSet:
  """Background and num_classes - 1 forms, with hues around the circle."""
  if not 2 <= num_classes <= labels.VOID:
    raise ValueError(
        f"shapes: num_classes is 2 to {labels.VOID}, background included, "
        f"not {num_classes}."
    )
  forms = num_classes - 1
  palette = [
      tuple(round(255 * v) for v in colorsys.hsv_to_rgb(i / forms, 0.75, 0.9))
      for i in range(forms)
  ]
  names = [form(i)[0] for i in range(forms)]
  return labels.LabelSet(("background", *names), ((0, 0, 0), *palette))


def paint(
    rng: np.random.Generator,
    size: tuple[int, int],
    num_classes: int,
    hint: float,
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
  """A scene in RGB and its labels; later objects hide earlier ones.

  Args:
    rng: all there is to a scene.
    size: height and width in pixels.
    num_classes: the background and the forms.
    hint: the share of objects in the hue of their class; the others, and the
      background, have any hue.
  """
  image = texture(rng, size, rng.random(), rng.uniform(0, 0.4))
  label = np.zeros(size, np.uint8)
  for _ in range(rng.integers(2, 6)):
    kind = int(rng.integers(num_classes - 1))
    hue = rng.random()
    if rng.random() < hint:
      hue = kind / (num_classes - 1) + rng.normal(0, 0.02)
    mask = silhouette(
        kind,
        size,
        angle=rng.uniform(0, 2 * np.pi),
        radius=rng.uniform(0.18, 0.34) * min(size),
        centre=rng.uniform(0.1, 0.9, size=2) * (size[1], size[0]),
    )
    image[mask] = texture(rng, size, hue, rng.uniform(0.5, 1))[mask]
    label[mask] = kind + 1
  image = cv2.GaussianBlur(image, (3, 3), 0.6)
  noise = 6 * rng.standard_normal(image.shape, np.float32)
  image = image * shade(rng, size)[..., None] + noise
  return np.clip(image, 0, 255).astype(np.uint8), label


def silhouette(
    kind: int,
    size: tuple[int, int],
    *,
    angle: float,
    radius: float,
    centre: Float[np.ndarray, "2"],
) -> Bool[np.ndarray, "h w"]:
  """Where a form lies: turned (radians), scaled and moved to (x, y) pixels."""
  turn = np.array(
      [(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))]
  )
  outlines = [
      np.rint((points @ turn * radius + centre - 0.5) * 2**_BITS)
      for points in form(kind)[1]
  ]
  mask = np.zeros(size, np.uint8)
  cv2.fillPoly(mask, [o.astype(np.int32) for o in outlines], 1, shift=_BITS)
  return mask.astype(bool)


def texture(
    rng: np.random.Generator,
    size: tuple[int, int],
    hue: float,
    saturation: float,
) -> Float[np.ndarray, "h w 3"]:
  """Two tones of a hue, mixed by stripes, checks, dots, clouds or not."""
  value = rng.uniform(0.45, 1)
  bright, dark = (
      255 * np.array(colorsys.hsv_to_rgb(hue % 1, saturation, v), np.float32)
      for v in (value, value * rng.uniform(0.45, 0.8))
  )
  angle, period = rng.uniform(0, np.pi), rng.uniform(0.05, 0.15) * min(size)
  phase = rng.uniform(0, 2 * np.pi, size=2)
  y, x = np.ogrid[: size[0], : size[1]]
  turn = 2 * np.pi / period * np.array((np.cos(angle), np.sin(angle)))
  u = np.sin((x * turn[0] + y * turn[1] + phase[0]).astype(np.float32))
  v = np.sin((y * turn[0] - x * turn[1] + phase[1]).astype(np.float32))
  clouds = rng.normal(size=(7, 7)).astype(np.float32)
  kinds = {
      "plain": lambda: np.full(size, -1, np.float32),
      "stripes": lambda: u,
      "checks": lambda: u * v,
      "dots": lambda: u + v - np.float32(0.7),
      "clouds": lambda: cv2.resize(
          clouds, (size[1], size[0]), interpolation=cv2.INTER_CUBIC
      ),
  }
  pattern = tuple(kinds.values())[rng.integers(len(kinds))]()
  mix = (0.5 + 0.5 * np.tanh(4 * pattern))[..., None]
  return bright + mix * (dark - bright)


def shade(
    rng: np.random.Generator, size: tuple[int, int]
) -> Float[np.ndarray, "h w"]:
  """Light that falls off by up to a quarter in some direction."""
  angle = rng.uniform(0, 2 * np.pi)
  y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
  return 1 + rng.uniform(0, 0.18) * (x * np.cos(angle) + y * np.sin(angle))
