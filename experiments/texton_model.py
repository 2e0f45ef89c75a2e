"""A semantic texton forest, and the forest that segments with it.

Shotton, Johnson and Cipolla 2008 (Semantic texton forests for image
categorization and segmentation, CVPR). `texton_training` grows them, and says
where they are not the paper's.
"""

import dataclasses
from typing import Any

from jaxtyping import Bool, Float, Int, UInt8
import numpy as np

from experiments import texton_features

_FROM_ZERO = ("softening", "seed")


@dataclasses.dataclass(frozen=True)
class Settings:
  """Sizes; those given were chosen on training frames of CamVid held out.

  Attributes:
    patch: side of the patch that the textons see, in pixels, odd.
    stride: every so manieth pixel is looked at, by row and by column.
    samples: pixels of each image that a forest learns from.
    pixel_tests: in the bank of the first forest.
    texton_trees: of the first forest.
    texton_depth: of its trees.
    regions: in the bank of the second forest: half of them shares of a node,
      half of them means of a class's probability.
    reach: how far from a pixel rectangles may lie, in pixels.
    trees: of the second forest.
    depth: of its trees.
    candidates: tests of the bank that are tried at a node.
    smallest: the fewest pixels in a leaf.
    softening: the exponent of the image-level prior and of frequencies.
    seed: of all that is drawn.

  Raises:
    ValueError: one of them is too small.
  """

  patch: int = 21
  stride: int = 4
  samples: int = 1500
  pixel_tests: int = 500
  texton_trees: int = 5
  texton_depth: int = 12
  regions: int = 600
  reach: int = 300
  trees: int = 20
  depth: int = 22
  candidates: int = 100
  smallest: int = 5
  softening: float = 0.5
  seed: int = 0

  def __post_init__(self):
    for name, value in dataclasses.asdict(self).items():
      if value < (name not in _FROM_ZERO):
        raise ValueError(f"{name} cannot be {value}")


@dataclasses.dataclass(frozen=True)
class Textons:
  """The first forest: from pixels to tree nodes and class distributions.

  Attributes:
    settings: sizes.
    num_classes: k.
    tests: the bank.
    forest: scikit-learn's, fitted.
    counted: for each node, of one tree after the other, which of the nodes that
      regions count lie on the way to it, itself included.
  """

  settings: Settings
  num_classes: int
  tests: texton_features.PixelTests
  forest: Any
  counted: Bool[np.ndarray, "n c"]

  def __call__(
      self, image: UInt8[np.ndarray, "h w 3"]
  ) -> Float[np.ndarray, "m g v"]:
    """Maps on the grid: class probabilities, then passed nodes, 0 or 1."""
    lab = texton_features.lab(image)
    grid = [
        texton_features.grid(n, self.settings.stride) for n in image.shape[:2]
    ]
    size = tuple(map(len, grid))
    rows, columns = cells(size)
    found = self.tests(lab, grid[0][rows], grid[1][columns])
    nodes = self.forest.apply(found.T) + starts(self.forest)
    passed = sum(self.counted[tree].astype(np.float32) for tree in nodes.T)
    by_node = distributions(self.forest, self.num_classes)
    classes = sum(by_node[tree] for tree in nodes.T) / nodes.shape[1]
    maps = np.concatenate([classes, passed], -1, dtype=np.float32)
    return np.ascontiguousarray(maps.T).reshape(-1, *size)


@dataclasses.dataclass(frozen=True)
class Segmenter:
  """Both forests, and the one that knows what an image shows.

  Attributes:
    textons: the first forest.
    regions: the bank of the second, on the maps of the first.
    forest: the second, scikit-learn's.
    categorizer: scikit-learn's, from the means of the maps to the probability
      that an image shows a class.
    frequencies: the share of each class in the labelled pixels.
  """

  textons: Textons
  regions: texton_features.Regions
  forest: Any
  categorizer: Any
  frequencies: Float[np.ndarray, " k"]

  @property
  def nodes(self) -> int:
    """Of all trees together."""
    forests = self.textons.forest, self.forest, self.categorizer
    return sum(int(starts(f, last=True)[-1]) for f in forests)

  def __call__(
      self, image: UInt8[np.ndarray, "h w 3"]
  ) -> dict[str, Float[np.ndarray, "g v k"]]:
    """Class probabilities on the grid, by what they come from.

    "textons" are those of the first forest and "regions" those of the second.
    The latter are multiplied by the image-level prior in "image", and in
    "frequencies" by how often a class is, which the weights in training had
    made alike; both factors are softened by the same exponent.
    """
    k, settings = len(self.frequencies), self.textons.settings
    maps = self.textons(image)
    size = maps.shape[1:]
    found = self.regions(maps, *cells(size))
    local = np.zeros((found.shape[1], k))
    local[:, self.forest.classes_] = self.forest.predict_proba(found.T)
    local = local.reshape(*size, k)
    shown = self.categorizer.predict(maps.mean((1, 2))[None])[0]
    prior = np.maximum(shown, 1e-3) ** settings.softening
    return {
        "textons": maps[:k].transpose(1, 2, 0),
        "regions": local,
        "image": _normalized(local * prior),
        "frequencies": _normalized(
            local * self.frequencies**settings.softening
        ),
    }


def cells(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
  """Row and column of each cell of a grid."""
  rows, columns = np.indices(size)
  return rows.reshape(-1), columns.reshape(-1)


def starts(forest: Any, *, last: bool = False) -> Int[np.ndarray, " t"]:
  """The first node of each tree, and perhaps the end of the last one."""
  counts = [tree.tree_.node_count for tree in forest.estimators_]
  return np.cumsum([0, *counts])[: None if last else -1]


def distributions(forest: Any, num_classes: int) -> Float[np.ndarray, "n k"]:
  """The class distribution of each node, of one tree after the other."""
  values = [tree.tree_.value[:, 0] for tree in forest.estimators_]
  found = np.zeros((sum(map(len, values)), num_classes), np.float32)
  found[:, forest.classes_] = _normalized(np.concatenate(values))
  return found


def _normalized(values: np.ndarray) -> np.ndarray:
  """Divided by their sum over the last axis."""
  return values / np.maximum(values.sum(-1, keepdims=True), 1e-30)
