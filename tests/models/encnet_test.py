"""EncNet: the encoding layer, and what becomes of the encoding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers
from segjax.models import encnet
from tests import variables as draws


def encode(x, codewords, scale):
  layer = encnet.Encoding(num_codes=len(scale))
  return layer.apply({"params": {"codewords": codewords.T, "scale": scale}}, x)


def case(pixels=(3, 5), d=4, k=3):
  keys = jax.random.split(jax.random.key(0), 3)
  x = jax.random.normal(keys[0], (2, *pixels, d))
  codewords = jax.random.normal(keys[1], (k, d))
  return x, codewords, -jax.random.uniform(keys[2], (k,))


def test_the_encoding_is_equation_1():
  """Word by word, pixel by pixel; `scale` is -s_k."""
  x, codewords, scale = (np.asarray(a, np.float64) for a in case())
  want = np.zeros((2, 3, 4))
  for n in range(2):
    for pixel in x[n].reshape(-1, 4):
      residuals = pixel - codewords
      weights = np.exp(scale * np.sum(residuals**2, -1))
      want[n] += (weights / weights.sum())[:, None] * residuals
  got = encode(*case())
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_the_encoding_is_orderless():
  """Sec. 2: it is a global descriptor; pixels may change places."""
  x, codewords, scale = case()
  mixed = x[:, ::-1, ::-1].swapaxes(1, 2)
  np.testing.assert_allclose(
      encode(mixed, codewords, scale),
      encode(x, codewords, scale),
      rtol=1e-4,
      atol=1e-5,
  )


def test_channels_are_scaled_by_between_zero_and_one():
  """Y = X gamma (Sec. 3.1): one factor a channel, the same at all pixels."""
  module = encnet.ContextEncoding(5, num_codes=3)
  x, *_ = case()
  variables = draws.draw(module, x)
  y, presence = module.apply(variables, x, train=False)
  gamma = np.asarray(y / x)
  assert presence.shape == (2, 5)
  np.testing.assert_allclose(
      gamma, np.broadcast_to(gamma[:, :1, :1], gamma.shape), rtol=1e-4
  )
  assert np.all((gamma >= 0) & (gamma <= 1))
  assert np.std(gamma) > 0


def test_the_sum_is_the_mean_of_the_codewords_times_their_number():
  x, *_ = case()
  options = {"num_codes": 3, "norm": layers.Identity}
  models = [
      encnet.ContextEncoding(5, aggregate=a, **options) for a in ("sum", "mean")
  ]
  variables = draws.draw(models[0], x)
  bias = variables["params"]["presence"]["bias"]
  total, mean = (m.apply(variables, x, train=False)[1] - bias for m in models)
  np.testing.assert_allclose(total, 3 * mean, rtol=1e-4, atol=1e-5)


def test_another_aggregate_is_refused():
  module = encnet.ContextEncoding(5, aggregate="max")
  with pytest.raises(ValueError, match="aggregate is 'max'; possible are"):
    draws.shapes(module, jnp.zeros((1, 2, 2, 3)))
