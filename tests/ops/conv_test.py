"""One convolution, several implementations, one result: PyTorch's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import ops
from segjax.ops.conv import dense, taps

GEOMETRIES = [
    {"kernel": 3, "padding": 1},
    {"kernel": 3, "padding": 1, "stride": 2},
    {"kernel": 3, "padding": 2, "dilation": 2},
    {"kernel": 3, "padding": 7, "dilation": 7},
    {"kernel": 3, "padding": 24, "dilation": 24},
    {"kernel": 3, "padding": 24, "dilation": 24, "groups": 2},
    {"kernel": 3, "padding": 6, "dilation": 4, "stride": 2},
    {"kernel": (1, 7), "padding": (0, 3)},
    {"kernel": 1, "stride": 2},
    {"kernel": 3, "padding": 1, "groups": 2},
    {"kernel": 3, "padding": 1, "groups": 4, "features": 4},
    {"kernel": 3, "padding": 2, "dilation": 2, "groups": 4, "features": 4},
    {"kernel": 5, "padding": 2, "stride": 2, "groups": 4, "features": 4},
]


def case(kernel, features=6, groups=1, size=(11, 14), channels=4, **geometry):
  keys = jax.random.split(jax.random.key(0))
  kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
  x = jax.random.normal(keys[0], (2, *size, channels))
  weights = jax.random.normal(keys[1], (*kernel, channels // groups, features))
  return x, weights, geometry | {"groups": groups}


def torch_conv(name, x, kernel, axes, **geometry):
  torch = pytest.importorskip("torch")
  y = getattr(torch.nn.functional, name)(
      torch.from_numpy(np.moveaxis(np.asarray(x), -1, 1).copy()),
      torch.from_numpy(np.transpose(np.asarray(kernel), axes).copy()),
      **geometry,
  )
  return np.moveaxis(y.numpy(), 1, -1)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_conv_equals_torch(geometry):
  x, kernel, geometry = case(**geometry)
  want = torch_conv("conv2d", x, kernel, (3, 2, 0, 1), **geometry)
  got = ops.conv(x, kernel, **geometry)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "geometry",
    [g for g in GEOMETRIES if g.get("groups", 1) in (1, g.get("features"))],
)
def test_taps_equal_the_dense_form_and_its_gradients(geometry):
  x, kernel, geometry = case(**geometry)
  groups = geometry.pop("groups")
  pairs = [
      np.broadcast_to(geometry.get(key, default), 2).tolist()
      for key, default in (("stride", 1), ("padding", 0), ("dilation", 1))
  ]
  forms = (
      lambda x, k: dense(x, k, *pairs, groups),
      lambda x, k: taps(x, k, *pairs),
  )
  values = [f(x, kernel) for f in forms]
  np.testing.assert_allclose(*values, rtol=1e-4, atol=1e-4)
  grads = [
      jax.grad(lambda x, k, f=f: jnp.sum(jnp.sin(f(x, k))), (0, 1))(x, kernel)
      for f in forms
  ]
  for one, other in zip(*grads):
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


ATROUS = [
    {"kernel": 3, "padding": 1},
    {"kernel": 3, "padding": 2, "dilation": 2},
    {"kernel": 3, "padding": (3, 2), "dilation": (3, 2)},
    {"kernel": 3, "padding": 6, "dilation": 6},
    {"kernel": 3, "padding": 24, "dilation": 24},
    {"kernel": 3, "dilation": 4},
    {"kernel": 4, "padding": 6, "dilation": 4},
    {"kernel": (1, 3), "padding": (2, 5), "dilation": 5},
    {"kernel": 3, "padding": 2, "dilation": 2, "groups": 2},
    {"kernel": 3, "padding": 7, "dilation": 7, "groups": 4, "features": 4},
]


@pytest.mark.parametrize("geometry", ATROUS)
@pytest.mark.parametrize("form", (ops.atrous_zeros, ops.atrous_sampled))
def test_the_explained_forms_are_the_fast_one(form, geometry):
  """Zeros in the kernel, or a sampled input: values and gradients are equal."""
  x, kernel, geometry = case(**geometry)

  def loss(function, x, kernel):
    y = function(x, kernel, **geometry)
    return jnp.sum(jnp.sin(y)), y

  grad = jax.value_and_grad(loss, (1, 2), has_aux=True)
  (_, want), wants = grad(ops.conv, x, kernel)
  (_, got), gots = grad(form, x, kernel)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
  for one, other in zip(gots, wants):
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rate", (1, 2, 4, 6, 12, 24, 36))
@pytest.mark.parametrize("size", (33, 65))
def test_atrous_convolution_costs_the_taps_that_touch_the_image(size, rate):
  """A 3x3 kernel touches an axis of n pixels 3 n - 2 rate times, or n times."""
  x = jax.ShapeDtypeStruct((1, size, size, 32), jnp.float32)
  kernel = jax.ShapeDtypeStruct((3, 3, 32, 16), jnp.float32)
  atrous = functools.partial(ops.conv, padding=rate, dilation=rate)
  compiled = jax.jit(atrous).lower(x, kernel).compile()
  touched = (max(3 * size - 2 * rate, size)) ** 2 * 32 * 16
  assert compiled.cost_analysis()["flops"] <= 2.2 * touched


def test_a_kernel_that_meets_padding_alone_gives_zeros():
  """Neither of its two rows ever stands on the image's one."""
  x, kernel, _ = case(2, size=(1, 6))
  options = {"padding": (3, 0), "dilation": (6, 1)}
  want = jnp.zeros((2, 1, 5, 6))
  for form in (ops.conv, ops.atrous_zeros, ops.atrous_sampled):
    np.testing.assert_array_equal(form(x, kernel, **options), want)


@pytest.mark.parametrize(
    "geometry",
    [
        {"kernel": 2, "stride": 2},
        {"kernel": 4, "stride": 2, "padding": 1},
        {"kernel": 3, "stride": 2, "padding": 1, "output_padding": 1},
        {"kernel": 16, "stride": 8, "padding": 4},
        {"kernel": (3, 5), "stride": (1, 3), "padding": (0, 2)},
        {"kernel": 7},
        {"kernel": 4, "stride": 2, "padding": 1, "groups": 4, "features": 4},
    ],
)
def test_transposed_convolution_equals_torch(geometry):
  x, kernel, geometry = case(size=(5, 6), **geometry)
  axes = (2, 3, 0, 1)
  if geometry["groups"] > 1:
    axes = (3, 2, 0, 1)
  want = torch_conv("conv_transpose2d", x, kernel, axes, **geometry)
  got = ops.conv_transpose(x, kernel, **geometry)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_a_rate_beyond_the_map_costs_only_the_centre_tap():
  """DeepLabv3, Sec. 3.3: the 3x3 filter degenerates to its centre."""
  x, kernel, _ = case(3, size=(9, 9))
  compiled = jax.jit(lambda x, k: taps(x, k, (1, 1), (12, 12), (12, 12))).lower(
      x, kernel
  )
  flops = compiled.compile().cost_analysis()["flops"]
  assert flops <= 2.5 * x.size * kernel.shape[-1]
  np.testing.assert_allclose(
      ops.conv(x, kernel, padding=12, dilation=12),
      ops.conv(x, kernel[1:2, 1:2]),
      rtol=1e-4,
      atol=1e-5,
  )


def test_channels_that_do_not_fit_are_named():
  with pytest.raises(ValueError, match="5 channels in 1 groups"):
    ops.conv(jnp.zeros((1, 4, 4, 5)), jnp.zeros((3, 3, 4, 2)), padding=1)


def test_a_kernel_larger_than_the_image_is_refused():
  with pytest.raises(ValueError, match="window of 7 pixels does not fit"):
    ops.conv(jnp.zeros((1, 4, 4, 1)), jnp.zeros((7, 7, 1, 1)))
