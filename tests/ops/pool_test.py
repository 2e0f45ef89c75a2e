"""Pooling equals PyTorch's in every geometry, ceil mode included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import ops

GEOMETRIES = [
    {"window": 2},
    {"window": 2, "ceil_mode": True},
    {"window": 3, "stride": 2, "padding": 1},
    {"window": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"window": 3, "stride": 2, "ceil_mode": True},
    {"window": 3, "stride": 1, "padding": 1},
    {"window": (3, 2), "stride": (1, 2), "padding": (1, 0)},
]
SIZES = [(8, 9), (13, 6), (5, 5)]


def random(size):
  return np.asarray(
      jax.random.normal(jax.random.key(0), (2, *size, 3)), np.float32
  )


def torch_pool(name, x, *, window, stride=None, **options):
  torch = pytest.importorskip("torch")
  pool = getattr(torch.nn.functional, name)
  y = pool(
      torch.from_numpy(np.moveaxis(x, -1, 1).copy()), window, stride, **options
  )
  if isinstance(y, tuple):
    return tuple(np.moveaxis(v.numpy(), 1, -1) for v in y)
  return np.moveaxis(y.numpy(), 1, -1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_max_pool_equals_torch(geometry, size):
  x = random(size)
  want = torch_pool("max_pool2d", x, **geometry)
  np.testing.assert_array_equal(ops.max_pool(x, **geometry), want)


@pytest.mark.parametrize("count_include_pad", (False, True))
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_avg_pool_equals_torch(geometry, size, count_include_pad):
  x = random(size)
  geometry = geometry | {"count_include_pad": count_include_pad}
  want = torch_pool("avg_pool2d", x, **geometry)
  np.testing.assert_allclose(ops.avg_pool(x, **geometry), want, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_indices_equal_torch(geometry, size):
  x = random(size)
  values, indices = ops.max_pool_with_indices(x, **geometry)
  want = torch_pool("max_pool2d", x, return_indices=True, **geometry)
  np.testing.assert_array_equal(values, want[0])
  np.testing.assert_array_equal(indices, want[1])


@pytest.mark.parametrize("dilation", (1, 2, (3, 1)))
@pytest.mark.parametrize("window", (2, (1, 3)))
@pytest.mark.parametrize("size", SIZES)
def test_dense_pooling_equals_torch(size, window, dilation):
  x = random(size)
  geometry = {"window": window, "stride": 1, "dilation": dilation}
  want = torch_pool("max_pool2d", x, **geometry)
  np.testing.assert_array_equal(ops.max_pool_dense(x, window, dilation), want)


@pytest.mark.parametrize("kind", ("avg", "max"))
@pytest.mark.parametrize("bins", (1, 2, 3, 6, (4, 7)))
@pytest.mark.parametrize("size", [(6, 6), (9, 13), (4, 5)])
def test_adaptive_bins_equal_torch(size, bins, kind):
  torch = pytest.importorskip("torch")
  x = random(size)
  name = f"adaptive_{kind}_pool"
  want = getattr(torch.nn.functional, f"{name}2d")(
      torch.from_numpy(np.moveaxis(x, -1, 1).copy()), bins
  )
  got = getattr(ops, name)(x, bins)
  np.testing.assert_allclose(
      got, np.moveaxis(want.numpy(), 1, -1), rtol=1e-5, atol=1e-6
  )


@pytest.mark.parametrize("size", SIZES)
def test_unpooling_puts_maxima_back(size):
  x = random(size) + 10
  values, indices = ops.max_pool_with_indices(x, 2, ceil_mode=True)
  back = ops.max_unpool(values, indices, size)
  unscattered = ops.max_unpool(values, indices, size, window=2)
  np.testing.assert_array_equal(unscattered, back)
  np.testing.assert_array_equal(back[back > 0], x[np.asarray(back) > 0])
  assert np.count_nonzero(back) == values.size
  again, places = ops.max_pool_with_indices(back, 2, ceil_mode=True)
  np.testing.assert_array_equal(again, values)
  np.testing.assert_array_equal(places, indices)


def test_gradient_flows_to_the_maximum_alone():
  x = jnp.asarray(random((4, 4)))
  for options in ({"window": 2}, {"window": 3, "stride": 2, "padding": 1}):
    grad = jax.grad(lambda x, o=options: jnp.sum(ops.max_pool(x, **o)))(x)
    assert float(jnp.sum(grad)) == ops.max_pool(x, **options).size
  values, indices = ops.max_pool_with_indices(x, 2)
  grad = jax.grad(lambda v: jnp.sum(ops.max_unpool(v, indices, (4, 4)) ** 2))
  np.testing.assert_allclose(grad(values), 2 * values, rtol=1e-6)


def test_a_window_larger_than_the_image_is_refused():
  with pytest.raises(ValueError, match="window of 5 does not fit 4 pixels"):
    ops.max_pool(jnp.zeros((1, 4, 4, 1)), 5)
