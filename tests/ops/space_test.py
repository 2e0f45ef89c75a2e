"""The forms for rows on several devices compute what the others do."""

import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import ops
from segjax.ops import space
from segjax.ops.conv_transpose import subpixel
from segjax.ops.resize import _bilinear_weights

ROOT = pathlib.Path(__file__).parents[2]

WORKER = """
import sys
import jax, numpy as np
from segjax.training import sharding
from tests.ops import space_test

for parts in (1, 2, 4):
  mesh = sharding.make_mesh(1, parts, jax.devices()[:parts])
  x = jax.device_put(space_test.image(), sharding.batch_sharding(mesh, "image"))
  compute = jax.jit(jax.value_and_grad(space_test.everything, (0, 1), True))
  leaves = jax.tree.leaves(compute(x, space_test.kernels()))
  np.savez(f"{sys.argv[1]}/{parts}.npz", *leaves)
"""


def random(*shape, seed=0):
  return jax.random.normal(jax.random.key(seed), shape)


def image():
  return np.asarray(random(2, 64, 12, 4))


def kernels():
  return (
      random(2, 2, 4, 4, seed=1),
      random(4, 4, 4, 4, seed=2),
      random(5, 5, 1, 4, seed=3),
  )


def everything(x, weights):
  """All operations that a spread map is computed with differently."""
  x = ops.max_pool(x, 2)
  pooled = ops.adaptive_avg_pool(x, (3, 2))
  size = x.shape[1:3]
  maps = {
      "reflect": ops.pad(x, ((5, 3), (2, 1)), "reflect"),
      "edge": ops.pad(x, ((1, 2), (0, 3)), "edge"),
      "largest": ops.adaptive_max_pool(x, (5, 3)),
      "bins": ops.resize_bilinear(pooled, size),
      "nearest": ops.resize_nearest(x, (3 * size[0], 3 * size[1])),
      "half": ops.resize_bilinear(x, (size[0] // 2, size[1] // 2)),
      "larger": ops.resize_bilinear(x, (4 * size[0], 4 * size[1])),
      "corners": ops.resize_bilinear(
          x, (8 * size[0], 8 * size[1]), align_corners=True
      ),
      "odd": ops.resize_bilinear(x, (size[0] + 1, 11)),
      "up": ops.conv_transpose(x, weights[0], stride=2),
      "up4": ops.conv_transpose(x, weights[1], stride=2, padding=1),
      "groups": ops.conv_transpose(
          x, weights[2], stride=3, padding=2, output_padding=2, groups=4
      ),
  }
  return sum(jnp.sum(jnp.sin(y)) for y in maps.values()), maps


def test_values_and_gradients_are_the_same_on_1_2_and_4_devices(tmp_path):
  environment = os.environ | {
      "XLA_FLAGS": (
          "--xla_force_host_platform_device_count=4"
          " --xla_backend_optimization_level=0"
      ),
      "JAX_PLATFORMS": "cpu",
      "PYTHONPATH": ".",
  }
  subprocess.run(
      [sys.executable, "-c", WORKER, str(tmp_path)],
      env=environment,
      cwd=ROOT,
      check=True,
  )
  want = np.load(tmp_path / "1.npz")
  assert len(want.files) == 1 + 12 + 1 + 3
  for parts in (2, 4):
    got = np.load(tmp_path / f"{parts}.npz")
    for file in want.files:
      np.testing.assert_allclose(
          got[file], want[file], rtol=1e-4, atol=1e-4, err_msg=f"{parts} {file}"
      )


@pytest.mark.parametrize("align_corners", (False, True))
@pytest.mark.parametrize("size", (16, 17, 24))
@pytest.mark.parametrize("target", (8, 12, 33, 48, 72, 128, 129, 136))
def test_neighbours_give_what_the_matrix_gives(size, target, align_corners):
  weights = _bilinear_weights(size, target, align_corners, None)
  x = random(2, size, 3, 2)
  got = space.mix_rows(x, weights)
  if got is None:
    ratio = (size - 1) / (target - 1) if align_corners else size / target
    assert not (1 / ratio).is_integer()
    return
  want = np.einsum("th,nhwc->ntwc", weights, x)
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", (16, 17))
@pytest.mark.parametrize("factor", (2, 3, 8, 32))
def test_whole_factors_need_no_more_than_three_neighbours(size, factor):
  """Up and down, in both conventions: a halo of one row."""
  for low, high in ((size, size * factor), (size * factor, size)):
    for align_corners in (False, True):
      weights = _bilinear_weights(low, high, align_corners, None)
      plan = space._neighbours(weights.tobytes(), weights.shape, 1)
      assert plan is not None
      p, _, offsets, _ = plan
      assert len(offsets) <= 3 or p > 1
      assert -p <= offsets[0] <= offsets[-1] <= 2 * p


def test_a_few_rows_are_left_to_the_matrix():
  """Pyramid levels are whole on every device: one of two has half of 6."""
  weights = _bilinear_weights(6, 96, False, None)
  plans = [
      space._neighbours(weights.tobytes(), weights.shape, n) for n in (1, 2)
  ]
  assert plans[0] is not None
  assert plans[1] is None


@pytest.mark.parametrize("mode", ("edge", "reflect"))
@pytest.mark.parametrize("edges", ((0, 4), (3, 0), (6, 6)))
def test_padded_rows_are_numpy_s(mode, edges):
  x = random(2, 7, 3, 2)
  got = space.pad_rows(x, *edges, mode)
  want = np.pad(x, ((0, 0), edges, (0, 0), (0, 0)), mode=mode)
  np.testing.assert_array_equal(got, want)
  np.testing.assert_array_equal(ops.pad(x, (edges, (0, 0)), mode), want)


def test_an_unknown_way_to_pad_is_named():
  with pytest.raises(ValueError, match="mode is 'wrap'; there are edge"):
    ops.pad(random(1, 4, 4, 1), ((1, 1), (0, 0)), "wrap")


@pytest.mark.parametrize(
    "kernel, stride, padding, extra, groups",
    [
        (2, (2, 2), (0, 0), (0, 0), 1),
        (4, (2, 2), (1, 1), (0, 0), 1),
        (3, (2, 2), (1, 1), (1, 1), 1),
        (16, (8, 8), (4, 4), (0, 0), 1),
        ((3, 5), (1, 3), (0, 2), (0, 2), 1),
        (7, (1, 1), (0, 0), (0, 0), 1),
        (2, (3, 3), (0, 0), (0, 0), 1),
        (4, (2, 2), (1, 1), (0, 0), 4),
        (4, (2, 2), (1, 1), (0, 0), 2),
    ],
)
def test_pixels_as_channels_are_the_transposed_convolution(
    kernel, stride, padding, extra, groups
):
  """Values and gradients of `subpixel` are those of XLA's form."""
  kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
  x, weights = random(2, 5, 6, 4), random(*kernel, 4 // groups, 8, seed=1)
  geometry = {"stride": stride, "padding": padding, "groups": groups}
  forms = (
      lambda x, k: ops.conv_transpose(x, k, **geometry, output_padding=extra),
      lambda x, k: subpixel(x, k, stride, padding, extra, groups),
  )
  want, got = (
      jax.value_and_grad(lambda x, k, f=f: jnp.sum(jnp.sin(f(x, k))), (0, 1))(
          x, weights
      )
      for f in forms
  )
  assert forms[0](x, weights).shape == forms[1](x, weights).shape
  for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want)):
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
