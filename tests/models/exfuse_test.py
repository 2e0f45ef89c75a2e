"""ExFuse: each of its parts against the paper's definition."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers
from segjax.backbones import resnet
from segjax.models import exfuse
from tests import variables as draws


def tiny_resnet():
  return resnet.ResNet(stage_sizes=(1, 1, 1, 1), width=4)


def test_sub_pixels_only_move_channels():
  """Channel group (i, j) becomes row i, column j of each square."""
  x = np.arange(2 * 3 * 8).reshape(1, 2, 3, 8)
  y = np.asarray(exfuse.sub_pixel(jnp.asarray(x), 2))
  assert y.shape == (1, 4, 6, 2)
  for i in range(2):
    for j in range(2):
      group = 2 * i + j
      want = x[..., 2 * group : 2 * group + 2]
      np.testing.assert_array_equal(y[:, i::2, j::2], want)


@pytest.mark.parametrize("k", (1, 3, 5))
def test_dense_adjacent_prediction_is_the_formula(k):
  """r_ij = 1/k^2 sum_mn x^(m k + n)_(i + m - k//2, j + n - k//2)."""
  rng = np.random.default_rng(0)
  x = rng.standard_normal((2, 4, 6, k * k * 3)).astype(np.float32)
  groups = x.reshape(2, 4, 6, k * k, 3)
  want = np.zeros((2, 4, 6, 3))
  for i in range(4):
    for j in range(6):
      for m, n in np.ndindex(k, k):
        row, column = i + m - k // 2, j + n - k // 2
        if 0 <= row < 4 and 0 <= column < 6:
          want[:, i, j] += groups[:, row, column, m * k + n] / k**2
  got = exfuse.densely_adjacent(jnp.asarray(x), k)
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_fresh_network_votes_unanimously():
  """At the start the nine groups of the last deconvolution are the same."""
  model = exfuse.ExFuse(3, tiny_resnet(), kernel_size=3)
  image = jnp.zeros((1, 32, 32, 3))
  init = lambda key: model.init(key, image, train=False)["params"]["up0"]
  kernel = np.asarray(jax.jit(init)(jax.random.key(0))["kernel"])
  groups = kernel.reshape(4, 4, 3, 9, 3)
  assert np.abs(kernel).max() > 0.5
  np.testing.assert_array_equal(groups, groups[:, :, :, :1].repeat(9, 3))


def test_embedding_multiplies_with_every_higher_stage():
  """The product of each map after its upsampling (SEB)."""
  embed = exfuse.SemanticEmbedding(norm=layers.Identity)
  low = jax.random.normal(jax.random.key(0), (1, 9, 11, 2))
  highs = [jnp.full((1, 5, 6, 3), 1.0), jnp.full((1, 3, 3, 4), 1.0)]
  shapes = jax.eval_shape(
      functools.partial(embed.init, train=False), jax.random.key(1), low, highs
  )
  middle = lambda x: jnp.zeros(x.shape).at[1, 1].set(1.0)
  variables = jax.tree.map(middle, shapes)
  got = embed.apply(variables, low, highs, train=False)
  np.testing.assert_allclose(got, low * 3 * 4, rtol=1e-5)
  got = embed.apply(variables, low, [highs[0], 0 * highs[1]], train=False)
  np.testing.assert_array_equal(got, 0 * low)


def test_channel_resolution_embedding_is_supervised_by_itself():
  """`ecre` needs the top stage's layers and no deconvolution."""
  model = exfuse.ExFuse(3, tiny_resnet(), kernel_size=3)
  image = jax.random.normal(jax.random.key(0), (1, 64, 64, 3))
  variables = draws.draw(model, image)

  def loss(params):
    outputs = model.apply(variables | {"params": params}, image, train=False)
    return jnp.sum(outputs["ecre"] ** 2)

  options = {"xla_backend_optimization_level": 0}  # Compiles faster.
  grad = jax.jit(jax.grad(loss), compiler_options=options)
  gradient = grad(variables["params"])
  reached = {
      name
      for name, leaves in gradient.items()
      if any(np.any(x != 0) for x in jax.tree.leaves(leaves))
  }
  assert reached == {"backbone", "gcn5", "refine5", "ecre"}


def test_the_supervised_encoder_s_branches_fit_the_network():
  """Semantic supervision: pretrained convolutions go over by their names."""
  image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  encoder = exfuse.SupervisedEncoder(10, tiny_resnet(), features=8)
  run = functools.partial(encoder.init_with_output, train=False)
  scores, variables = jax.eval_shape(run, jax.random.key(0), image)
  assert {k: v.shape for k, v in scores.items()} == {
      f"c{i}": (1, 10) for i in (2, 3, 4, 5)
  }
  network = exfuse.ExFuse(3, tiny_resnet(), 3, supervised_features=8)
  ours = draws.shapes(network, image)["params"]
  kept = {k: v for k, v in variables["params"].items() if "classifier" not in k}
  assert len(kept) == 5
  for name, leaves in kept.items():
    assert leaves == ours[name]


def test_the_rearranged_network_has_as_many_blocks():
  """{8, 8, 9, 8} for {3, 4, 23, 3}: of equal blocks, hence of equal cost."""
  assert sum(exfuse.REARRANGED) == sum(resnet.STAGE_SIZES[101]) == 33


@pytest.mark.parametrize("option", ("kernel_size", "votes"))
def test_even_windows_are_refused(option):
  model = exfuse.ExFuse(2, tiny_resnet(), **{option: 4})
  with pytest.raises(
      ValueError, match=rf"ExFuse.{option} is 4; it must be odd"
  ):
    model.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False)
