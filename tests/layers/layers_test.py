"""Layers: PyTorch's BatchNorm, and the blocks' parameter names."""

import functools

from flax import linen as nn
from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers


def test_batch_norm_is_torchs_in_training_and_after():
  torch = pytest.importorskip("torch")
  x = np.asarray(jax.random.normal(jax.random.key(0), (4, 5, 6, 3)) * 2 + 1)
  reference = torch.nn.BatchNorm2d(3)
  ours = layers.BatchNorm()
  variables = ours.init(jax.random.key(0), x, train=False)
  for _ in range(3):
    want = reference(torch.from_numpy(np.moveaxis(x, -1, 1).copy()))
    got, updates = ours.apply(variables, x, train=True, mutable=["batch_stats"])
    variables = {**variables, **updates}
    np.testing.assert_allclose(
        np.moveaxis(np.asarray(got), -1, 1), want.detach(), atol=1e-5
    )
  stats = variables["batch_stats"]
  np.testing.assert_allclose(stats["mean"], reference.running_mean, rtol=1e-5)
  np.testing.assert_allclose(stats["var"], reference.running_var, rtol=1e-5)
  want = reference.eval()(torch.from_numpy(np.moveaxis(x, -1, 1).copy()))
  got = ours.apply(variables, x, train=False)
  np.testing.assert_allclose(
      np.moveaxis(np.asarray(got), -1, 1), want.detach(), atol=1e-5
  )


def test_a_frozen_batch_norm_neither_uses_nor_learns_the_batch():
  x = jax.random.normal(jax.random.key(0), (4, 5, 6, 3)) + 3
  norm = layers.BatchNorm(frozen=True)
  variables = norm.init(jax.random.key(0), x, train=True)
  y, updates = norm.apply(variables, x, train=True, mutable=["batch_stats"])
  np.testing.assert_allclose(y, x, rtol=1e-4)
  jax.tree.map(
      np.testing.assert_array_equal,
      dict(updates["batch_stats"]),
      dict(variables["batch_stats"]),
  )


def test_batch_statistics_hold_in_evaluation_and_leave_the_running_ones():
  x = jax.random.normal(jax.random.key(0), (4, 5, 6, 3)) * 2 + 3
  norm = layers.BatchNorm(batch_statistics=True)
  variables = norm.init(jax.random.key(0), x, train=False)
  want, updates = norm.apply(variables, x, train=True, mutable=["batch_stats"])
  assert np.any(updates["batch_stats"]["mean"] != 0)
  got, updates = norm.apply(variables, x, train=False, mutable=["batch_stats"])
  np.testing.assert_array_equal(got, want)
  np.testing.assert_allclose(np.mean(got, (0, 1, 2)), 0, atol=1e-5)
  np.testing.assert_array_equal(updates["batch_stats"]["mean"], 0)


def test_a_batch_norm_is_not_frozen_and_of_the_batch_at_once():
  norm = layers.BatchNorm(frozen=True, batch_statistics=True)
  with pytest.raises(ValueError, match="frozen or takes batch_statistics"):
    norm.init(jax.random.key(0), jnp.ones((1, 2, 2, 3)), train=False)


def test_statistics_are_float32_where_the_image_is_bfloat16():
  x = jnp.ones((2, 4, 4, 3), jnp.bfloat16)
  norm = layers.BatchNorm()
  variables = norm.init(jax.random.key(0), x, train=True)
  y, updates = norm.apply(variables, x, train=True, mutable=["batch_stats"])
  assert y.dtype == jnp.bfloat16
  assert updates["batch_stats"]["mean"].dtype == jnp.float32


@pytest.mark.parametrize(
    "norm",
    (
        layers.BatchNorm,
        functools.partial(layers.BatchNorm, momentum=0.5),
        functools.partial(layers.GroupNorm, groups=2),
        layers.Identity,
    ),
)
def test_any_norm_fits_a_block(norm):
  x = jnp.ones((2, 8, 9, 4))
  block = layers.ConvNormAct(6, 3, 2, norm=norm)
  variables = block.init(jax.random.key(0), x, train=True)
  y, _ = block.apply(variables, x, train=True, mutable=["batch_stats"])
  assert y.shape == (2, 4, 5, 6)


def test_separable_block_names_its_two_convolutions():
  block = layers.SeparableConvNormAct(6, dilation=2)
  params = block.init(jax.random.key(0), jnp.ones((1, 8, 8, 4)), train=False)
  shapes = {
      "/".join(k): v.shape
      for k, v in traverse_util.flatten_dict(params["params"]).items()
  }
  assert shapes["depthwise/conv/kernel"] == (3, 3, 1, 4)
  assert shapes["pointwise/conv/kernel"] == (1, 1, 4, 6)
  assert len(shapes) == 6


@pytest.mark.parametrize("channels", (False, True))
def test_dropout_keeps_the_mean_and_rests_in_evaluation(channels):
  x = jnp.ones((4, 8, 8, 64))
  drop = layers.Dropout(0.5, channels=channels)
  rngs = {"dropout": jax.random.key(1)}
  y = drop.apply({}, x, train=True, rngs=rngs)
  assert abs(float(jnp.mean(y)) - 1) < 0.2
  whole = jnp.all(y == y[:, :1, :1], axis=(1, 2))
  assert bool(jnp.all(whole)) == channels
  np.testing.assert_array_equal(drop.apply({}, x, train=False), x)


def test_transposed_convolution_grows_a_map():
  layer = layers.ConvTranspose(5, 2, stride=2)
  y, variables = layer.init_with_output(
      jax.random.key(0), jnp.ones((1, 3, 4, 7))
  )
  assert y.shape == (1, 6, 8, 5)
  assert variables["params"]["kernel"].shape == (2, 2, 7, 5)


def test_an_activation_may_be_left_out():
  x = jax.random.normal(jax.random.key(0), (1, 4, 4, 3))
  with_act = layers.ConvNormAct(3, act=nn.relu)
  without = layers.ConvNormAct(3, act=None)
  variables = with_act.init(jax.random.key(0), x, train=False)
  assert float(without.apply(variables, x, train=False).min()) < 0
  assert float(with_act.apply(variables, x, train=False).min()) == 0
