"""Grows the forests of `texton_model` with scikit-learn.

Shotton, Johnson and Cipolla 2008 (Semantic texton forests for image
categorization and segmentation, CVPR). As there, trees see the raw pixels in
CIELab, the second forest sees rectangles of the first one's nodes and class
distributions, and classes are weighted by the inverse of their frequency.

Where they are not the paper's: a bank of random tests is drawn once and the
nodes choose from it, by information gain at one random threshold each
(extremely randomised trees), instead of from new tests at each node; the node
that a region counts is part of such a test; no training image is turned, scaled
or recoloured; what an image shows is told by a forest instead of a support
vector machine; both forests learn from the same images.
"""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import types
from typing import Any

from jaxtyping import Float, Int
import numpy as np

from experiments import texton_features, texton_model
from segjax import losses

Progress = Callable[[str], None]


def fit(
    source: Sequence[dict[str, Any]],
    num_classes: int,
    settings: texton_model.Settings,
    progress: Progress = print,
) -> texton_model.Segmenter:
  """Both forests of a source; a function of these arguments.

  Args:
    source: "image" and "label" of each example; a label above the classes is
      void.
    num_classes: k.
    settings: sizes and the seed.
    progress: is told how far it is.

  Raises:
    ValueError: scikit-learn is not installed, or nothing is labelled.
  """
  ensemble = library()
  textons, frequencies = _fit_textons(
      ensemble, source, num_classes, settings, progress
  )
  rng = np.random.default_rng((settings.seed, 1))
  regions, textons = _draw_regions(rng, textons)
  pixels = _Pixels(len(regions.maps), len(source), num_classes, settings, 1)
  images, shown = [], []
  for example in _read(source, "regions", progress):
    maps = textons(example["image"])
    pixels.add(example, lambda y, x, maps=maps: regions(maps, y, x))
    images.append(maps.mean((1, 2)))
    shown.append(np.isin(np.arange(num_classes), example["label"]))
  progress(f"{settings.trees} trees on {pixels.count} pixels")
  forest = pixels.forest(ensemble, settings.trees, settings.depth)
  categorizer = ensemble.ExtraTreesRegressor(
      100, min_samples_leaf=3, random_state=settings.seed
  ).fit(np.stack(images), np.stack(shown).astype(float))
  return texton_model.Segmenter(
      textons, regions, forest, categorizer, frequencies
  )


def library() -> types.ModuleType:
  """sklearn.ensemble.

  Raises:
    ValueError: scikit-learn is not installed.
  """
  try:
    from sklearn import ensemble
  except ImportError as error:
    raise ValueError(
        "forests need scikit-learn, which is not installed: pip install"
        " 'segjax[forest]'"
    ) from error
  return ensemble


def _fit_textons(
    ensemble: types.ModuleType,
    source: Sequence[dict[str, Any]],
    num_classes: int,
    settings: texton_model.Settings,
    progress: Progress,
) -> tuple[texton_model.Textons, Float[np.ndarray, " k"]]:
  """The first forest, that counts no nodes yet, and the classes' shares."""
  rng = np.random.default_rng((settings.seed, 0))
  tests = texton_features.PixelTests.draw(
      rng, settings.pixel_tests, settings.patch
  )
  pixels = _Pixels(len(tests.kinds), len(source), num_classes, settings, 0)
  for example in _read(source, "textons", progress):
    lab = texton_features.lab(example["image"])
    rows, columns = (
        texton_features.grid(n, settings.stride) for n in lab.shape[:2]
    )
    pixels.add(
        example,
        lambda y, x, lab=lab, rows=rows, columns=columns: tests(
            lab, rows[y], columns[x]
        ),
    )
  progress(f"textons: {settings.texton_trees} trees on {pixels.count} pixels")
  forest = pixels.forest(ensemble, settings.texton_trees, settings.texton_depth)
  nothing = np.zeros((texton_model.starts(forest, last=True)[-1], 0), bool)
  textons = texton_model.Textons(settings, num_classes, tests, forest, nothing)
  return textons, pixels.frequencies


def _draw_regions(
    rng: np.random.Generator, textons: texton_model.Textons
) -> tuple[texton_features.Regions, texton_model.Textons]:
  """The second bank, and the textons with those nodes that it counts.

  A node is drawn by its tree, its level in it, and then by how many training
  pixels it has.
  """
  settings, k = textons.settings, textons.num_classes
  trees = [estimator.tree_ for estimator in textons.forest.estimators_]
  levels = [_levels(tree) for tree in trees]
  half = settings.regions // 2
  drawn = []
  for _ in range(half):
    t = rng.integers(len(trees))
    deepest = levels[t].max()
    level = rng.integers(min(1, deepest), deepest + 1)
    (there,) = np.nonzero(levels[t] == level)
    weight = trees[t].weighted_n_node_samples[there]
    drawn.append((t, rng.choice(there, p=weight / weight.sum())))
  nodes, which = np.unique(np.reshape(drawn, (-1, 2)), axis=0, return_inverse=1)
  maps = np.concatenate(
      [
          which.reshape(-1) + k,
          rng.integers(k, size=settings.regions - half),
      ]
  )
  counted = [
      _passed(tree, np.where(nodes[:, 0] == t, nodes[:, 1], -1))
      for t, tree in enumerate(trees)
  ]
  regions = texton_features.Regions.draw(
      rng, maps, settings.reach / settings.stride
  )
  return regions, dataclasses.replace(textons, counted=np.concatenate(counted))


def _levels(tree: Any) -> Int[np.ndarray, " n"]:
  """How far each node is from the root. Parents stand before their children."""
  levels = np.zeros(tree.node_count, int)
  for parent, (left, right) in enumerate(
      zip(tree.children_left, tree.children_right)
  ):
    if left >= 0:
      levels[[left, right]] = levels[parent] + 1
  return levels


def _passed(tree: Any, nodes: Int[np.ndarray, " c"]) -> np.ndarray:
  """(n, c): whether a node lies on the way to each; never for a node -1."""
  passed = np.arange(tree.node_count)[:, None] == nodes
  for parent, (left, right) in enumerate(
      zip(tree.children_left, tree.children_right)
  ):
    if left >= 0:
      passed[[left, right]] |= passed[parent]
  return passed


def _read(
    source: Sequence[dict[str, Any]], what: str, progress: Progress
) -> Iterator[dict[str, Any]]:
  for i in range(len(source)):
    if i and not i % 50:
      progress(f"{what}: {i} of {len(source)} images")
    yield source[i]


class _Pixels:
  """What a forest learns from: tests of labelled pixels, and their classes."""

  def __init__(
      self,
      tests: int,
      images: int,
      num_classes: int,
      settings: texton_model.Settings,
      stage: int,
  ):
    self._found = np.empty((tests, images * settings.samples), np.float32)
    self._labels = np.empty(self._found.shape[1], np.uint8)
    self._num_classes, self._settings = num_classes, settings
    self._rng = np.random.default_rng((settings.seed, 2, stage))
    self.count = 0

  def add(self, example: dict[str, Any], tests: Callable) -> None:
    """Tests some of an image's labelled cells, by row and column."""
    label = example["label"]
    grid = (texton_features.grid(n, self._settings.stride) for n in label.shape)
    label = label[np.ix_(*grid)]
    cells = np.argwhere(label < self._num_classes)
    wanted = min(self._settings.samples, len(cells))
    cells = cells[np.sort(self._rng.permutation(len(cells))[:wanted])]
    here = np.s_[self.count : self.count + wanted]
    if wanted:
      self._found[:, here] = tests(*cells.T)
      self._labels[here] = label[tuple(cells.T)]
      self.count += wanted

  @property
  def frequencies(self) -> Float[np.ndarray, " k"]:
    """The share of each class."""
    return self._counts() / self.count

  def forest(self, ensemble: types.ModuleType, trees: int, depth: int) -> Any:
    """Fits a forest to them, each tree to half of them, with one thread."""
    if not self.count:
      raise ValueError("no pixel of the training images is labelled")
    settings, labels = self._settings, self._labels[: self.count]
    forest = ensemble.ExtraTreesClassifier(
        trees,
        criterion="entropy",
        max_depth=depth,
        max_features=min(settings.candidates, len(self._found)),
        min_samples_leaf=settings.smallest,
        bootstrap=True,
        max_samples=0.5,
        random_state=settings.seed,
    )
    weights = losses.weights.inverse_frequency(self._counts()[None])
    found = self._found[:, : self.count].T
    return forest.fit(found, labels, sample_weight=weights[labels])

  def _counts(self) -> Int[np.ndarray, " k"]:
    labels = self._labels[: self.count]
    return np.bincount(labels, minlength=self._num_classes)
