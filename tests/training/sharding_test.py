"""Two devices compute what one does."""

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from segjax.training import sharding
from tests.training import tiny

WORKER = """
import functools, sys
import jax, numpy as np
from segjax.training import evaluate, sharding, step
from tests.training import tiny

def run(devices, **axes):
  mesh = sharding.make_mesh(devices=jax.devices()[:devices], **axes)
  state, options = tiny.parts()
  replicated = sharding.replicated(mesh)
  state = jax.device_put(state, replicated)
  train_step = jax.jit(
      functools.partial(step.train_step, **options, microbatches=2),
      out_shardings=(replicated, replicated),
  )
  for i in range(3):
    batch = sharding.put_batch(tiny.batch(i), mesh)
    assert len(batch["image"].sharding.device_set) == devices
    state, metrics = train_step(state, batch, jax.random.key(0))
  batch = tiny.batch() | {"valid": np.arange(4) < 3}
  batch["size"] = np.tile(np.int32(batch["image"].shape[1:3]), (4, 1))
  counts = evaluate.evaluate(
      options["model"], state.variables, [batch], 3,
      preprocess=tiny.preprocess, mesh=mesh)
  return tiny.leaves((state, metrics, counts))

assert jax.device_count() == 2
for name, (devices, axes) in dict(
    one=(1, {}), data=(2, {}), space=(2, dict(space=2))).items():
  np.savez(f"{sys.argv[1]}/{name}.npz", *run(devices, **axes))
"""


def test_a_step_and_an_evaluation_on_two_devices_equal_those_on_one(tmp_path):
  """Rows over two devices, and rows of pixels over two devices."""
  environment = os.environ | {
      "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
      "JAX_PLATFORMS": "cpu",
      "PYTHONPATH": ".",
  }
  subprocess.run(
      [sys.executable, "-c", WORKER, str(tmp_path)],
      env=environment,
      cwd=pathlib.Path(__file__).parents[2],
      check=True,
  )
  want = np.load(tmp_path / "one.npz")
  for name in ("data", "space"):
    got = np.load(tmp_path / f"{name}.npz")
    assert got.files == want.files
    for file in want.files:
      np.testing.assert_allclose(
          got[file], want[file], rtol=1e-4, atol=1e-5, err_msg=name
      )


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
