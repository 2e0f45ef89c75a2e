"""Grouped convolutions as ordinary ones, and batches that stay in parts."""

import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.ops.conv import blocks, dense

WORKER = """
import functools, re
import jax, jax.numpy as jnp
from segjax import ops

assert jax.device_count() == 2
mesh = jax.make_mesh(
    (2, 1), ("data", "space"), axis_types=(jax.sharding.AxisType.Auto,) * 2
)
spec = jax.sharding.PartitionSpec
rows = jax.sharding.NamedSharding(mesh, spec("data"))
everywhere = jax.sharding.NamedSharding(mesh, spec())
x = jax.ShapeDtypeStruct((4, 13, 18, 128), jnp.float32, sharding=rows)

def kernel(inputs):
  return jax.ShapeDtypeStruct(
      (3, 3, inputs, 128), jnp.float32, sharding=everywhere)

def gathers(function, *arguments):
  text = jax.jit(function).lower(*arguments).compile().as_text()
  return set(re.findall(
      r"(all-gather|all-to-all|collective-permute)(?:-start)?\\(", text))

CASES = {
    "average": (lambda x: ops.adaptive_avg_pool(x, (2, 3)), x),
    "max": (lambda x: ops.adaptive_max_pool(x, (2, 3)), x),
    "grouped": (
        functools.partial(ops.conv, padding=1, groups=32), x, kernel(4)),
    "dilated": (
        functools.partial(ops.conv, padding=2, dilation=2, groups=4),
        x, kernel(32)),
    "depthwise": (
        functools.partial(ops.conv, padding=1, groups=128), x, kernel(1)),
}
for name, (function, *arguments) in CASES.items():
  total = lambda *a, f=function: jnp.sum(f(*a) ** 2)
  gradient = jax.grad(total, tuple(range(len(arguments))))
  for what, f in (("", function), (" gradient", gradient)):
    found = gathers(f, *arguments)
    assert not found, f"{name}{what}: {found}"

# What must gather is found to gather.
assert gathers(lambda x: jax.lax.with_sharding_constraint(x, everywhere), x)
"""


def test_no_device_is_sent_the_others_part_of_a_batch():
  """Adaptive pools and grouped convolutions keep a batch where it is.

  In the programs compiled for two devices, images never move.
  """
  flags = "--xla_force_host_platform_device_count=2"
  done = subprocess.run(
      [sys.executable, "-c", WORKER],
      cwd=pathlib.Path(__file__).parents[2],
      env=os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
      capture_output=True,
      text=True,
      check=False,
  )
  assert done.returncode == 0, done.stderr


GEOMETRIES = (
    # groups, inputs and outputs of each, stride, padding, dilation
    (32, 4, 4, 1, 1, 1),
    (32, 2, 3, 2, 1, 1),
    (4, 32, 16, 1, 2, 2),
    (3, 5, 2, 1, 0, 1),
)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_blocks_are_the_grouped_convolution_and_its_gradients(geometry):
  groups, inputs, outputs, stride, padding, dilation = geometry
  keys = jax.random.split(jax.random.key(0))
  x = jax.random.normal(keys[0], (2, 9, 12, groups * inputs))
  kernel = jax.random.normal(keys[1], (3, 3, inputs, groups * outputs))
  pairs = [(stride,) * 2, (padding,) * 2, (dilation,) * 2]
  forms = [lambda x, k, f=f: f(x, k, *pairs, groups) for f in (dense, blocks)]
  want, got = (f(x, kernel) for f in forms)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
  want, got = (
      jax.grad(lambda x, k, f=f: jnp.sum(jnp.sin(f(x, k))), (0, 1))(x, kernel)
      for f in forms
  )
  for one, other in zip(got, want):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)
