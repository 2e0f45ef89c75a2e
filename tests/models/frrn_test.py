"""FRRN: the sizes that the paper states, and its two streams."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import ops
from segjax.models import frrn
from tests import variables as draws


@pytest.mark.parametrize(
    "stages, millions", ((frrn.FRRN_A, 17.7), (frrn.FRRN_B, 24.8))
)
def test_the_networks_have_the_parameters_of_the_paper(stages, millions):
  image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  variables = draws.shapes(frrn.FRRN(19, **stages), image)
  count = sum(x.size for x in jax.tree.leaves(variables["params"]))
  assert round(count / 1e6, 1) == millions


def test_the_residual_stream_is_only_added_to():
  """Without the 1x1 convolutions of the units it is what `split` made."""
  unit = frrn.FullResolutionResidualUnit(4)
  rng = np.random.default_rng(0)
  y = jnp.asarray(rng.standard_normal((2, 3, 4, 6)), jnp.float32)
  z = jnp.asarray(rng.standard_normal((2, 12, 16, 2)), jnp.float32)
  variables = unit.init(jax.random.key(0), y, z, train=False)
  apply = functools.partial(unit.apply, train=False)
  pooling, residual = apply(variables, y, z)
  assert pooling.shape == (2, 3, 4, 4)
  added = np.asarray(residual - z)
  assert np.any(added != 0)
  # Each value is repeated over its window of 4x4.
  want = np.repeat(np.repeat(added[:, ::4, ::4], 4, axis=1), 4, axis=2)
  np.testing.assert_allclose(added, want, atol=1e-5)
  kernel = variables["params"]["residual"]["kernel"]
  variables["params"]["residual"]["kernel"] = jnp.zeros_like(kernel)
  np.testing.assert_array_equal(apply(variables, y, z)[1], z)


def test_both_streams_enter_a_unit():
  """Of the residual stream, the largest value of each window."""
  unit = frrn.FullResolutionResidualUnit(4)
  rng = np.random.default_rng(0)
  y = jnp.asarray(rng.standard_normal((1, 2, 2, 3)), jnp.float32)
  z = jnp.asarray(rng.standard_normal((1, 4, 4, 2)), jnp.float32)
  variables = unit.init(jax.random.key(0), y, z, train=False)
  apply = functools.partial(unit.apply, variables, train=False)
  want = apply(y, z)[0]
  pooled = ops.resize_nearest(ops.max_pool(z, 2), (4, 4))
  np.testing.assert_allclose(apply(y, pooled)[0], want, atol=1e-6)
  assert np.any(np.abs(apply(y, z + 1)[0] - want) > 1e-3)
  assert np.any(np.abs(apply(y + 1, z)[0] - want) > 1e-3)


def test_unpooling_interpolates_between_pixels_and_repeats_the_last():
  line = jnp.asarray([1.0, 3.0, 0.0]).reshape(1, 1, 3, 1)
  want = [1.0, 2.0, 3.0, 1.5, 0.0, 0.0]
  got = np.asarray(frrn.unpool(line))
  assert got.shape == (1, 2, 6, 1)
  np.testing.assert_allclose(got[0, 0, :, 0], want, atol=1e-6)
  np.testing.assert_allclose(got[0, 1, :, 0], want, atol=1e-6)
  column = frrn.unpool(line.swapaxes(1, 2))
  np.testing.assert_allclose(column[0, :, 0, 0], want, atol=1e-6)


def test_the_decoder_must_fit_the_encoder():
  image = jnp.zeros((1, 8, 8, 3))
  model = frrn.FRRN(2, decoder=frrn.FRRN_B["decoder"])
  with pytest.raises(ValueError, match=r"has 4 stages.* need 3"):
    model.init(jax.random.key(0), image, train=False)
