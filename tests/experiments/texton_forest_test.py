"""A semantic texton forest: what it looks at, and that it learns."""

import json
import sys

import numpy as np
import pytest

from experiments import (
    results_data,
    texton_features,
    texton_model,
    texton_run,
    texton_training,
)
from segjax import data
from tests.experiments import running

pytest.importorskip("sklearn", reason="scikit-learn; extra `forest`")

TINY = dict(
    patch=7,
    stride=2,
    samples=200,
    pixel_tests=60,
    texton_depth=8,
    regions=60,
    reach=24,
    trees=6,
    depth=10,
    candidates=20,
    smallest=3,
)
SHAPES = dict(num_classes=3, size=(40, 48), train=20, validation=6, test=1)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  folder = tmp_path_factory.mktemp("data")
  data.datasets.prepare("shapes", folder, **SHAPES)
  return folder


def test_pixel_tests_are_what_a_loop_computes():
  """All four kinds, at corners too, where the image goes on as it ends."""
  rng = np.random.default_rng(0)
  image = rng.normal(size=(6, 9, 3)).astype(np.float32)
  tests = texton_features.PixelTests.draw(rng, 40, patch=5)
  assert set(tests.kinds) == {0, 1, 2, 3}
  places = [(0, 0), (5, 8), (0, 8), (3, 4), (5, 1)]
  got = tests(image, *np.transpose(places))

  def value(y, x, place):
    dy, dx, channel = place
    y, x = np.clip(y + dy - 2, 0, 5), np.clip(x + dx - 2, 0, 8)
    return image[y, x, channel]

  for f, kind in enumerate(tests.kinds):
    for n, (y, x) in enumerate(places):
      one, other = (value(y, x, p[f]) for p in (tests.first, tests.second))
      want = (one, one + other, one - other, abs(one - other))[kind]
      np.testing.assert_allclose(got[f, n], want, rtol=1e-6)


def test_regions_are_what_a_loop_computes():
  """Rectangles partly and wholly outside too: what is not there is 0."""
  rng = np.random.default_rng(1)
  maps = rng.random((3, 5, 7)).astype(np.float32)
  regions = texton_features.Regions.draw(rng, rng.integers(3, size=50), 9)
  assert (regions.boxes[:, 2:] > regions.boxes[:, :2]).all()
  rows, columns = texton_model.cells((5, 7))
  got = regions(maps, rows, columns)
  for f, (top, left, bottom, right) in enumerate(regions.boxes):
    for n, (y, x) in enumerate(zip(rows, columns)):
      total = sum(
          maps[regions.maps[f], i, j]
          for i in range(y + top, y + bottom)
          for j in range(x + left, x + right)
          if 0 <= i < 5 and 0 <= j < 7
      )
      area = (bottom - top) * (right - left)
      np.testing.assert_allclose(got[f, n], total / area, atol=1e-6)


@pytest.mark.parametrize("stride", (1, 3, 4))
def test_interpolation_keeps_ramps_and_the_pixels_looked_at(stride):
  """A ramp is bilinear; beyond the grid's pixels the nearest one counts."""
  size = (9, 14)
  ramp = np.add.outer(2.0 * np.arange(9), -np.arange(14))[..., None]
  rows, columns = (texton_features.grid(n, stride) for n in size)
  got = texton_features.interpolate(ramp[np.ix_(rows, columns)], stride, size)
  y, x = np.clip(np.arange(9), rows[0], rows[-1]), np.clip(
      np.arange(14), columns[0], columns[-1]
  )
  np.testing.assert_allclose(got, ramp[np.ix_(y, x)], atol=1e-9)


def test_lab_of_black_white_and_red():
  """CIELab under D65, from the colours' definition."""
  colours = np.uint8([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]])
  want = [[[0, 0, 0], [100, 0, 0], [53.24, 80.09, 67.20]]]
  np.testing.assert_allclose(texton_features.lab(colours), want, atol=0.2)


def test_nodes_are_counted_by_the_pixels_that_pass_them(data_dir):
  """The maps of nodes are scikit-learn's own decision paths."""
  source = data.open("shapes", "train", data_dir, **SHAPES)
  settings = texton_model.Settings(**TINY)
  segmenter = texton_training.fit(source, 3, settings, lambda text: None)
  textons, image = segmenter.textons, source[0]["image"]
  maps = textons(image)
  np.testing.assert_allclose(maps[:3].sum(0), 1, rtol=1e-5)
  passed = maps[3:].reshape(len(maps) - 3, -1)
  assert passed.shape[0] > 5
  grid = [texton_features.grid(n, 2) for n in image.shape[:2]]
  rows, columns = texton_model.cells(maps.shape[1:])
  lab = texton_features.lab(image)
  found = textons.tests(lab, grid[0][rows], grid[1][columns]).T
  path, _ = textons.forest.decision_path(found)
  path = path.toarray().T
  proba = textons.forest.predict_proba(found).T.reshape(maps[:3].shape)
  np.testing.assert_allclose(maps[:3], proba, atol=1e-5)
  for c, row in enumerate(passed):
    nodes = np.flatnonzero(textons.counted[:, c])
    np.testing.assert_array_equal(row, path[nodes[0]])


def test_a_run_is_a_function_of_flags_and_seed(data_dir):
  source = data.open("shapes", "train", data_dir, **SHAPES)
  found = []
  for seed in (0, 0, 1):
    settings = texton_model.Settings(**TINY, seed=seed)
    segmenter = texton_training.fit(source, 3, settings, lambda text: None)
    found.append(segmenter(source[0]["image"]))
  for kind, first in found[0].items():
    np.testing.assert_array_equal(first, found[1][kind])
    np.testing.assert_allclose(first.sum(-1), 1, rtol=1e-5)
    assert not np.array_equal(first, found[2][kind])


def test_the_binary_beats_the_majority_and_says_how(data_dir, tmp_path):
  path = tmp_path / "shapes_forest.json"
  options = [f"--option={k}={v}" for k, v in SHAPES.items()]
  out, _ = running.run(
      "texton_forest",
      "--dataset=shapes",
      f"--data_dir={data_dir}",
      f"--output={path}",
      *options,
      *(f"--{name}={value}" for name, value in TINY.items()),
  )
  assert "validation: mIoU" in out
  report = json.loads(path.read_text())
  assert not results_data.check("shapes_forest", report)
  assert report["config"]["forest"]["patch"] == 7
  assert report["parameters"] > 100
  assert report["gflops"] is None
  names = [name for name, _ in texton_run.EVALUATIONS.values()]
  assert list(report["evaluations"]) == [n.format("validation") for n in names]
  for found in report["evaluations"].values():
    counts = np.array(found["confusion_matrix"])
    assert counts.sum() == 6 * 40 * 48
    assert found["protocol"]["images"] == 6
    assert 0 <= found["boundary_f1"] <= 1
  both = report["evaluations"]["validation"]
  counts = np.array(both["confusion_matrix"])
  share = counts.sum(1).max() / counts.sum()
  assert both["miou"] > share / 3 + 0.1
  assert both["class_accuracy"] > 1 / 3 + 0.2
  assert report["evaluations"]["validation, textons alone"] != both


def test_void_is_not_learned_and_a_class_may_be_missing():
  """Class 1 never occurs, half of the pixels are void."""
  rng = np.random.default_rng(0)
  image = rng.integers(0, 255, (24, 24, 3), np.uint8)
  label = np.where(image[..., 0] > 127, 2, 0).astype(np.uint8)
  label[:, ::4] = label[:, 1::4] = 255
  settings = texton_model.Settings(**TINY | dict(stride=1, patch=1))
  source = [{"image": image, "label": label}]
  segmenter = texton_training.fit(source, 3, settings, lambda text: None)
  np.testing.assert_allclose(segmenter.frequencies[1], 0)
  found = segmenter(image)["regions"]
  assert not found[..., 1].any()
  with pytest.raises(ValueError, match="is labelled"):
    texton_training.fit(
        [{"image": image, "label": label * 0 + 255}], 3, settings, print
    )


def test_without_scikit_learn_one_line_names_the_extra(monkeypatch, data_dir):
  monkeypatch.setitem(sys.modules, "sklearn", None)
  with pytest.raises(ValueError, match=r"scikit-learn.*segjax\[forest\]"):
    texton_run.run("shapes", data_dir, texton_model.Settings(), options=SHAPES)


def test_sizes_are_checked():
  with pytest.raises(ValueError, match="trees cannot be 0"):
    texton_model.Settings(trees=0)
  with pytest.raises(ValueError, match="odd"):
    texton_features.PixelTests.draw(np.random.default_rng(0), 3, 4)
