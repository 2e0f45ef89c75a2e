"""Synthetic scenes of textured shapes, made without a download."""

import dataclasses
import pathlib

import cv2
import numpy as np
import tensorflow_datasets as tfds

from segjax.data.datasets import base, codecs, scenes

_SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class _Scene:
  """A scene that has not been painted yet."""

  id: str
  entropy: tuple[int, int, int]


class Shapes(base.Builder):
  """Textured shapes that hide each other before a textured background.

  Class 0 is the background, class i the i-th form of `scenes`. A scene
  depends on (seed, split, index) alone, so a smaller split is the beginning
  of a larger one.

  Attributes:
    num_classes: 2 to 255, the background included.
    size: height and width in pixels, or one number for both; at least 16.
    train: number of scenes in this split; so validation and test.
    seed: at least 0.
    hint: the share of objects whose colour gives their class away, 0 to 1.
  """

  VERSION = tfds.core.Version("1.0.0")
  LABELS = scenes.label_set(6)

  def __init__(
      self,
      *,
      num_classes: int = 6,
      size: int | tuple[int, int] = (96, 96),
      train: int = 2000,
      validation: int = 200,
      test: int = 200,
      seed: int = 0,
      hint: float = 0.95,
      config: None = None,
      **kwargs,
  ):
    del config  # Made from the options, so that each choice has its folder.
    size = (size, size) if isinstance(size, int) else tuple(size)
    counts = {"train": train, "validation": validation, "test": test}
    if len(size) != 2 or min(size) < 16:
      raise ValueError(f"shapes: size is (height, width) >= 16, not {size}.")
    if min(counts.values()) < 1 or seed < 0 or not 0 <= hint <= 1:
      raise ValueError(
          "shapes: every split has at least one scene, seed is at least 0 and "
          f"hint 0 to 1, not {counts}, seed={seed}, hint={hint}."
      )
    self.LABELS = scenes.label_set(num_classes)
    self._size, self._counts, self._seed, self._hint = size, counts, seed, hint
    name = (
        f"{num_classes}classes_{size[0]}x{size[1]}_"
        f"{train}-{validation}-{test}_hint{hint:g}_seed{seed}"
    )
    super().__init__(config=tfds.core.BuilderConfig(name=name), **kwargs)

  def _create_builder_config(self, config, version):
    # TFDS warns of a configuration that the class does not list.
    del version
    return config

  def pairs(self, root: pathlib.Path | None) -> dict[str, list[_Scene]]:
    del root
    return {
        split: [
            _Scene(f"{split}_{i:06}", (self._seed, _SPLITS.index(split), i))
            for i in range(self._counts[split])
        ]
        for split in _SPLITS
    }

  def read(self, pair: _Scene) -> tuple[bytes, np.ndarray]:
    seed, *key = pair.entropy
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    image, label = scenes.paint(rng, self._size, len(self.LABELS), self._hint)
    return codecs.encode(cv2.cvtColor(image, cv2.COLOR_RGB2BGR)), label
