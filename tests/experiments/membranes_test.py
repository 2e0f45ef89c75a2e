"""`experiments.membranes` on a network whose answer is known."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import unet_isbi2012
from experiments import build
from experiments import config as config_lib
from segjax import data
from segjax.training import checkpoint
from tests.data.datasets import layouts
from tests.experiments.running import run


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
  """A U-Net that says of every pixel: a cell, with probability 0.7."""
  folder = tmp_path_factory.mktemp("membranes")
  label = np.full((32, 32), 255, np.uint8)
  label[:, 15] = label[7, :15] = 0
  slices = [np.zeros_like(label)] * 30
  layouts.write_folder(
      folder / "manual",
      {
          "train-volume.tif": layouts.tiff(slices),
          "train-labels.tif": layouts.tiff([label] * 30),
          "test-volume.tif": layouts.tiff(slices),
      },
  )
  data.datasets.prepare("isbi2012", folder / "data", folder / "manual")
  config = unet_isbi2012.get_config()
  config.dataset.data_dir = str(folder / "data")
  config.model.features = (3, 4)
  (folder / "config.json").write_text(config_lib.save(config))
  like = jax.eval_shape(
      lambda rng, x: build.model(config, 2).init(rng, x, train=False),
      jax.random.key(0),
      jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32),
  )
  variables = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)
  (bias,) = (x for x in jax.tree.leaves(variables["params"]) if x.shape == (2,))
  bias[:] = 0, np.log(0.7 / 0.3)
  checkpoint.save_variables(folder, 7, variables)
  return folder


def test_the_figures_of_a_known_answer(workdir):
  """All is one cell below 0.7, and there is none above."""
  printed, _ = run("membranes", f"--workdir={workdir}", "--views=7")
  report = json.loads((workdir / "membranes.json").read_text())
  assert report["slices"] == 6
  wrong = 32 + 15
  cells = (7 * 15, 24 * 15, 32 * 16)
  error = pytest.approx(wrong / (wrong + 2 * sum(cells)))
  assert report["pixel_error"] == error
  assert report["by_slice"]["pixel_error"] == [error] * 6
  assert report["wrong_pixels"] == pytest.approx(wrong / 32**2)
  curves = report["by_threshold"]
  low, high = (curves["threshold"].index(t) for t in (0.5, 0.8))
  assert curves["pixel_error"][high] == 1
  assert report["best_thresholds"]["pixel_error"] < 0.7
  squares = sum(n**2 for n in cells)
  want = 2 * squares / (squares + sum(cells) ** 2)
  assert report["v_rand"] == pytest.approx(want)
  # The pixel where the membranes meet can join a cell, the others merge.
  assert curves["warping_error"][low] == (wrong - 1) / 32**2
  assert curves["warping_error"][high] == 0
  assert curves["topological_error"][high] == 3 / 32**2  # Deleted cells.
  protocol = report["protocol"]
  assert (protocol["split"], protocol["step"]) == ("validation", 7)
  assert protocol["views"] == 7
  assert len(protocol["views_in_words"].split("; ")) == 7
  assert "isbi2012 validation, 6 slices, step 7, views: 7" in printed
  assert f"{report['v_rand']:.6f}" in printed


def test_slices_without_labels_are_refused(workdir):
  _, complaint = run(
      "membranes", f"--workdir={workdir}", "--split=test", status=1
  )
  assert complaint.startswith("error: slice 00 of test has pixels without")
