"""Resizing equals PyTorch's, forward and backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import ops
from segjax.ops.resize import nearest_index

SIZES = [
    ((7, 9), (13, 20)),
    ((13, 20), (7, 9)),
    ((1, 1), (5, 6)),
    ((9, 13), (65, 97)),
    ((33, 17), (1, 8)),
    ((4, 4), (4, 8)),
]


def random(size, channels=3):
  return np.asarray(
      jax.random.normal(jax.random.key(0), (2, *size, channels)), np.float32
  )


def interpolate(x, size, **options):
  torch = pytest.importorskip("torch")
  x = torch.from_numpy(np.moveaxis(x, -1, 1).copy())
  y = torch.nn.functional.interpolate(x, size=size, **options)
  return np.moveaxis(y.numpy(), 1, -1)


@pytest.mark.parametrize("align_corners", (False, True))
@pytest.mark.parametrize("size, target", SIZES)
def test_bilinear_equals_torch(size, target, align_corners):
  x = random(size)
  got = ops.resize_bilinear(x, target, align_corners=align_corners)
  want = interpolate(x, target, mode="bilinear", align_corners=align_corners)
  np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize("size, target", SIZES)
def test_nearest_equals_torch(size, target):
  x = random(size)
  got = ops.resize_nearest(x, target)
  np.testing.assert_array_equal(got, interpolate(x, target, mode="nearest"))


def test_nearest_keeps_labels():
  labels = np.arange(12, dtype=np.int32).reshape(1, 3, 4)
  got = ops.resize_nearest(labels, (6, 8))
  np.testing.assert_array_equal(got, labels.repeat(2, 1).repeat(2, 2))
  assert got.dtype == jnp.int32


def test_every_pair_of_small_sizes_rounds_as_torch_does():
  """floor(t * ratio) is decided by float32 rounding for some of them."""
  torch = pytest.importorskip("torch")
  for size in range(1, 40):
    x = torch.arange(size, dtype=torch.float32).reshape(1, 1, 1, size)
    for target in range(1, 40):
      want = torch.nn.functional.interpolate(x, size=(1, target))
      got = nearest_index(size, target)
      np.testing.assert_array_equal(got, want.numpy().ravel())


def test_bilinear_keeps_constants_and_the_type():
  x = jnp.full((1, 5, 7, 2), 3, jnp.bfloat16)
  y = ops.resize_bilinear(x, (11, 3))
  assert y.dtype == jnp.bfloat16
  np.testing.assert_allclose(y.astype(jnp.float32), 3, rtol=1e-2)


def test_aligned_corners_meet():
  x = random((5, 6))
  y = np.asarray(ops.resize_bilinear(x, (17, 31), align_corners=True))
  np.testing.assert_allclose(
      y[:, ::16, ::30], x[:, ::4, ::5], rtol=1e-6, atol=1e-6
  )


@pytest.mark.parametrize("factor", (0.5, 0.75, 1.5))
def test_a_given_factor_is_torch_s(factor):
  """PyTorch samples at the factor, though the sizes have another ratio."""
  torch = pytest.importorskip("torch")
  x = random((13, 19))
  want = torch.nn.functional.interpolate(
      torch.from_numpy(np.moveaxis(x, -1, 1).copy()),
      scale_factor=factor,
      mode="bilinear",
  )
  size = want.shape[2:]
  got = ops.resize_bilinear(x, size, factor=factor)
  np.testing.assert_allclose(
      got, np.moveaxis(want.numpy(), 1, -1), rtol=1e-5, atol=1e-5
  )
  assert np.abs(got - ops.resize_bilinear(x, size)).max() > 1e-2
