"""DenseNet: its growth, and its transitions when they dilate."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import densenet
from tests import variables as draws

IMAGE = jax.random.normal(jax.random.key(0), (1, 64, 64, 3))


@pytest.mark.parametrize("depth", densenet.SIZES)
def test_blocks_grow_and_transitions_halve(depth):
  """Sec. 3: k channels a layer, half of all at each transition."""
  growth, width, sizes = densenet.SIZES[depth]
  assert 2 * sum(sizes) + 5 == depth  # Stem, three transitions, classifier.
  model = densenet.DenseNet(sizes, growth, width)
  image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  features = jax.eval_shape(
      functools.partial(model.apply, train=False),
      draws.shapes(model, image),
      image,
  )
  for i, size in enumerate(sizes, start=2):
    width += size * growth
    assert features[f"c{i}"].shape[-1] == width
    width //= 2


def test_dilated_mean_is_the_pool_where_the_pool_looks():
  """At even places it is the 2x2 pool; with dilation 2 of every other pixel."""
  x = jax.random.normal(jax.random.key(0), (1, 8, 8, 3))
  want = x.reshape(1, 4, 2, 4, 2, 3).mean((2, 4))
  got = densenet.mean2(x, 1)
  assert got.shape == x.shape
  np.testing.assert_allclose(got[:, ::2, ::2], want, atol=1e-6)
  spread = jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
  got = densenet.mean2(spread, 2)[:, ::4, ::4]
  np.testing.assert_allclose(got, want, atol=1e-6)


def test_a_dilated_transition_can_leave_its_pool_out():
  """DenseASPP's, of the same weights."""
  plain = densenet.DenseNet((1, 1, 1, 1), 4, 4, output_stride=8)
  without = plain.clone(pool_dilated=False)
  variables = draws.draw(plain, IMAGE)
  ours = draws.forward(plain, variables, IMAGE)
  theirs = draws.forward(without, variables, IMAGE)
  np.testing.assert_array_equal(ours["c3"], theirs["c3"])
  assert np.abs(ours["c4"] - theirs["c4"]).max() > 1e-2
