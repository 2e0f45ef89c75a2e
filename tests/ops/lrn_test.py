"""Local response normalisation equals PyTorch's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import ops


@pytest.mark.parametrize("size", (1, 3, 5))
@pytest.mark.parametrize("channels", (1, 3, 7))
def test_it_equals_torch(channels, size):
  torch = pytest.importorskip("torch")
  x = 30 * np.random.default_rng(0).standard_normal((2, 3, 4, channels))
  options = dict(alpha=0.02, beta=0.6, k=2.0)
  image = torch.from_numpy(np.moveaxis(x, -1, 1).astype(np.float32))
  want = torch.nn.functional.local_response_norm(image, size, **options)
  got = ops.local_response_norm(jnp.asarray(x, jnp.float32), size, **options)
  want = np.moveaxis(want.numpy(), 1, -1)
  np.testing.assert_allclose(got, want, rtol=1e-5)


def test_bfloat16_stays_and_is_computed_in_float32():
  x = 100 * jax.random.normal(jax.random.key(0), (1, 4, 4, 8), jnp.bfloat16)
  got = ops.local_response_norm(x, alpha=1.0)
  want = ops.local_response_norm(x.astype(jnp.float32), alpha=1.0)
  assert got.dtype == jnp.bfloat16
  np.testing.assert_array_equal(got, want.astype(jnp.bfloat16))


def test_an_even_size_is_refused():
  with pytest.raises(ValueError, match="size is 4; possible are odd"):
    ops.local_response_norm(jnp.zeros((1, 2, 2, 3)), 4)
