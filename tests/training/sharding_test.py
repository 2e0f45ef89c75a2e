"""Many devices compute what one does."""

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from segjax.training import sharding
from tests.training import tiny

STEPS = 6

MESHES = {
    "data=2": {"data": 2},
    "space=2": {"data": 1, "space": 2},
    "data=4": {"data": 4},
    "data=2, space=2": {"data": 2, "space": 2},
    "data=8": {"data": 8},
    "data=4, space=2": {"data": 4, "space": 2},
    "data=2, space=4": {"data": 2, "space": 4},
}

WORKER = """
import functools, math, sys
import jax, numpy as np
from segjax.training import evaluate, sharding, step
from tests.training import sharding_test, tiny

def run(axes):
  devices = jax.devices()[:math.prod(axes.values())]
  mesh = sharding.make_mesh(**axes, devices=devices)
  state, options = tiny.parts()
  replicated = sharding.replicated(mesh)
  state = jax.device_put(state, replicated)
  train_step = jax.jit(
      functools.partial(step.train_step, **options, microbatches=2),
      out_shardings=(replicated, replicated),
  )
  curve = []
  for i in range(sharding_test.STEPS):
    batch = sharding.put_batch(tiny.batch(i, n=16), mesh)
    assert len(batch["image"].sharding.device_set) == len(devices)
    state, metrics = train_step(state, batch, jax.random.key(0))
    curve.append(metrics["loss"])
  batch = tiny.batch(n=16) | {"valid": np.arange(16) < 11}
  batch["size"] = np.tile(np.int32(batch["image"].shape[1:3]), (16, 1))
  counts = evaluate.evaluate(
      options["model"], state.variables, [batch], 3,
      preprocess=tiny.preprocess, mesh=mesh)
  return [np.stack(curve), *tiny.leaves((state, metrics, counts))]

assert jax.device_count() == 8
for name, axes in ({"one": {"data": 1}} | sharding_test.MESHES).items():
  np.savez(f"{sys.argv[1]}/{name}.npz", *run(axes))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  """Name of a mesh -> its loss curve, and what is left after the last step.

  "one" is of a single device.
  """
  folder = tmp_path_factory.mktemp("runs")
  environment = os.environ | {
      "XLA_FLAGS": (
          "--xla_force_host_platform_device_count=8"
          " --xla_backend_optimization_level=0"
      ),
      "JAX_PLATFORMS": "cpu",
      "PYTHONPATH": ".",
  }
  subprocess.run(
      [sys.executable, "-c", WORKER, str(folder)],
      env=environment,
      cwd=pathlib.Path(__file__).parents[2],
      check=True,
  )
  return {path.stem: np.load(path) for path in folder.glob("*.npz")}


@pytest.mark.parametrize("mesh", MESHES)
def test_a_run_on_many_devices_is_the_run_on_one(runs, mesh):
  """The losses, the state with its BatchNorm statistics, and an evaluation.

  Rows of a batch over devices, rows of pixels over devices, and both. The
  images are labelled unevenly: a mean of the devices' means would be another.
  """
  got, want = runs[mesh], runs["one"]
  assert got.files == want.files
  for file in want.files:
    np.testing.assert_allclose(
        got[file], want[file], rtol=1e-4, atol=1e-5, err_msg=file
    )


def test_the_loss_curve_falls(runs):
  """Else equal curves would say little."""
  curve = runs["one"]["arr_0"]
  assert curve.shape == (STEPS,)
  assert curve[-1] < 0.9 * curve[0]


def test_a_mesh_uses_all_devices():
  devices = jax.devices()[:1]
  mesh = sharding.make_mesh(devices=devices)
  assert mesh.shape == {"data": 1, "space": 1}
  with pytest.raises(ValueError, match="data=3 x space=1 does not use"):
    sharding.make_mesh(3, devices=devices)
  with pytest.raises(ValueError, match="space=2"):
    sharding.make_mesh(space=2, devices=devices)


def test_a_batch_that_cannot_be_spread_is_an_error():
  mesh = sharding.make_mesh(devices=jax.devices()[:1])
  batch = sharding.put_batch(tiny.batch(), mesh)
  np.testing.assert_array_equal(batch["label"], tiny.batch()["label"])
  wide = jax.sharding.AbstractMesh((3, 5), ("data", "space"))
  with pytest.raises(ValueError, match="multiple of 3 and the height one of 5"):
    sharding.put_batch(tiny.batch(), wide)


def test_weights_of_pixels_are_spread_as_the_pixels_are():
  mesh = sharding.make_mesh(devices=jax.devices()[:1])
  spec = {
      name: sharding.batch_sharding(mesh, name).spec
      for name in ("image", "label", "weight", "valid")
  }
  assert spec["weight"] == spec["label"] == spec["image"] != spec["valid"]
