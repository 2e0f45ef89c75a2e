"""Each device by itself: what is equal to one program, and what is not."""

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from segjax.training import parallel, sharding
from tests.training import tiny

WORKER = """
import functools, sys
import jax, numpy as np
from segjax import layers
from segjax.training import parallel, sharding, step
from tests.training import tiny

mesh = sharding.make_mesh()
replicated = sharding.replicated(mesh)
fast = {"xla_backend_optimization_level": 0}

def run(name, mode, net, steps, **options):
  state, keywords = tiny.parts(net)
  keywords["model"] = parallel.spread(mode, net, mesh)
  step_fn = jax.jit(
      functools.partial(step.train_step, **keywords, **options),
      out_shardings=(replicated, replicated), compiler_options=fast)
  state, rng = jax.device_put((state, jax.random.key(0)), replicated)
  for i in range(steps):
    batch = sharding.put_batch(tiny.batch(i, n=8), mesh)
    state, metrics = step_fn(state, batch, rng)
  np.savez(f"{sys.argv[1]}/{name}.npz", *tiny.leaves((state, metrics)))
  return step_fn, (state, batch, rng), state

plain = tiny.Net(norm=functools.partial(layers.GroupNorm, groups=2))
run("jit", "jit", plain, 3)
step_fn, args, _ = run("pmap", "pmap", plain, 3)
run("parts", "pmap", plain, 3, microbatches=2)
text = step_fn.lower(*args).compile().as_text()
print(text.count(" all-reduce("), text.count(" all-gather("))

net = tiny.Net()
run("batch_norm_jit", "jit", net, 1)
*_, state = run("batch_norm", "pmap", net, 1)
fresh, _ = tiny.parts(net)
image = tiny.preprocess(tiny.batch(0, n=8)["image"])
apart = [
    net.apply(fresh.variables, rows, train=True, mutable=["batch_stats"])[1]
    for rows in np.split(image, 4)
]
mean = jax.tree.map(lambda *x: np.mean(x, 0), *apart)["batch_stats"]
tiny.assert_close(state.batch_stats, mean)

net = tiny.Net(dropout_rate=0.5, norm=plain.norm)
fresh, _ = tiny.parts(net)
same = np.repeat(image[:1], 4, axis=0)
apply = functools.partial(
    parallel.spread("pmap", net, mesh).apply, train=True, mutable=[])
outputs, _ = jax.jit(apply, compiler_options=fast)(
    {"params": fresh.params}, same, rngs={"dropout": jax.random.key(0)})
rows = np.asarray(outputs["logits"])
print(len(np.unique(rows, axis=0)))
"""


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
  """What four devices left behind: arrays of each run, and what they said."""
  folder = tmp_path_factory.mktemp("parallel")
  environment = os.environ | {
      "JAX_PLATFORMS": "cpu",
      "PYTHONPATH": ".",
      "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
  }
  done = subprocess.run(
      [sys.executable, "-c", WORKER, str(folder)],
      env=environment,
      cwd=pathlib.Path(__file__).parents[2],
      text=True,
      stdout=subprocess.PIPE,
      check=True,
  )
  arrays = {p.stem: list(np.load(p).values()) for p in folder.glob("*.npz")}
  return arrays, [line.split() for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", ("pmap", "parts"))
def test_without_batch_norm_a_step_per_device_is_that_of_one_program(
    worker, name
):
  """Though the devices' rows have labelled pixels in very uneven numbers."""
  arrays, _ = worker
  for one, other in zip(arrays["jit"], arrays[name], strict=True):
    np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)


def test_batch_norm_sees_the_rows_of_its_device_alone(worker):
  """The worker has compared running statistics with the mean of all four."""
  arrays, _ = worker
  one, other = arrays["batch_norm_jit"], arrays["batch_norm"]
  apart = [not np.allclose(a, b, rtol=1e-3) for a, b in zip(one, other)]
  assert sum(apart) > 4


def test_devices_exchange_sums_only(worker):
  _, ((reduces, gathers), _) = worker
  assert int(reduces) > 0
  assert int(gathers) == 0


def test_each_device_draws_its_own_dropout(worker):
  """Of four equal images on four devices, all get other masks."""
  _, (_, (different,)) = worker
  assert int(different) == 4


def test_a_mode_or_mesh_that_cannot_be_is_an_error():
  mesh = sharding.make_mesh(devices=jax.devices()[:1])
  net = tiny.Net()
  assert parallel.spread("jit", net, mesh) is net
  with pytest.raises(ValueError, match="'xmap'; there are jit, pmap"):
    parallel.spread("xmap", net, mesh)
  tall = jax.sharding.AbstractMesh((1, 2), ("data", "space"))
  with pytest.raises(ValueError, match="space is 1 then, not 2"):
    parallel.spread("pmap", net, tall)
  wide = jax.sharding.AbstractMesh((3, 1), ("data", "space"))
  apply = parallel.spread("pmap", net, wide).apply
  image = tiny.batch()["image"]
  with pytest.raises(ValueError, match="4 images cannot be spread evenly"):
    apply({}, image, train=True, mutable=[], rngs={})
