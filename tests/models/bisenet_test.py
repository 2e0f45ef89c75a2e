"""BiSeNet: its two paths, its modules, Xception39."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import resnet, xception39
from segjax.models import bisenet
from tests import variables as draws


@pytest.mark.parametrize("size", ((64, 96), (65, 97), (63, 7)))
def test_both_paths_meet_at_an_eighth(size):
  """Sec. 3.1: the spatial path is as large as the stage of stride 8."""
  image = jax.ShapeDtypeStruct((1, *size, 3), jnp.float32)
  run = functools.partial(bisenet.SpatialPath().init_with_output, train=False)
  spatial, _ = jax.eval_shape(run, jax.random.key(0), image)
  eighth = tuple(-(-s // 8) for s in size)
  assert spatial.shape == (1, *eighth, 128)
  for backbone in (
      xception39.Xception39(),
      resnet.ResNet(resnet.STAGE_SIZES[18], bottleneck=False),
  ):
    run = functools.partial(backbone.init_with_output, train=False)
    stages, _ = jax.eval_shape(run, jax.random.key(0), image)
    assert stages["c3"].shape[1:3] == eighth


def test_xception39_s_stages():
  """Three stages at strides 8, 16 and 32, ending at 256 channels."""
  image = jax.ShapeDtypeStruct((1, 64, 96, 3), jnp.float32)
  run = functools.partial(xception39.Xception39().init_with_output, train=False)
  stages, variables = jax.eval_shape(run, jax.random.key(0), image)
  assert {k: v.shape[1:] for k, v in stages.items()} == {
      "c1": (32, 48, 8),
      "c2": (16, 24, 8),
      "c3": (8, 12, 64),
      "c4": (4, 6, 128),
      "c5": (2, 3, 256),
  }
  blocks = [name for name in variables["params"] if "block" in name]
  assert len(blocks) == 4 + 8 + 4


def test_attention_weighs_whole_channels():
  """Fig. 2b: one factor of 0 to 1 for all pixels of a channel."""
  arm = bisenet.AttentionRefinement(4)
  x = jax.random.normal(jax.random.key(0), (2, 9, 7, 3))
  variables = draws.draw(arm, x)
  attended = arm.apply(variables, x, train=False)
  params = variables["params"]["attention"]["norm"]
  params["scale"] = jnp.zeros(4)
  params["bias"] = jnp.full(4, 100.0)  # A sigmoid of 1.
  plain = arm.apply(variables, x, train=False)
  factor = np.where(plain > 0, attended / np.maximum(plain, 1e-9), np.nan)
  assert np.all(np.nanmax(factor, (1, 2)) - np.nanmin(factor, (1, 2)) < 1e-4)
  assert 0 < np.nanmin(factor) < np.nanmax(factor) < 1


@pytest.mark.parametrize("normed, least", ((False, 0.0), (True, 0.5)))
def test_fusion_adds_what_it_weighs(normed, least):
  """Fig. 2c: x + w x; the ReLU of mmsegmentation keeps w above a half."""
  fusion = bisenet.FeatureFusion(16, normed)
  spatial, context = (
      jax.random.normal(jax.random.key(i), (1, 4, 5, 6)) for i in (0, 1)
  )
  init = functools.partial(fusion.init, train=False)
  shapes = jax.eval_shape(init, jax.random.key(0), spatial, context)
  rng = np.random.default_rng(0)
  variables = jax.tree.map(
      lambda x: jnp.asarray(rng.standard_normal(x.shape), jnp.float32), shapes
  )
  variables["batch_stats"] = jax.tree.map(
      jnp.ones_like, variables["batch_stats"]
  )
  norm = variables["params"]["conv"]["norm"]
  norm["scale"], norm["bias"] = jnp.full(16, 0.1), jnp.full(16, 2.0)
  got, state = fusion.apply(
      variables,
      spatial,
      context,
      train=False,
      capture_intermediates=lambda module, _: module.name == "conv",
      mutable=["intermediates"],
  )
  x = np.asarray(state["intermediates"]["conv"]["__call__"][0])
  assert np.all(x > 0)
  weights = np.asarray(got) / x - 1
  assert np.all(np.ptp(weights, axis=(1, 2)) < 1e-3)
  assert least - 1e-3 <= weights.min() < weights.max() <= 1 + 1e-3
  assert (weights.min() < 0.5 - 1e-3) != normed


def test_the_tail_of_the_context_path_sees_the_whole_image():
  """Sec. 3.2: global pooling gives it the largest receptive field."""
  path = bisenet.ContextPath(4)
  maps = [
      jax.random.normal(jax.random.key(i), (1, size, size, 3))
      for i, size in enumerate((32, 16, 8))
  ]
  init = functools.partial(path.init, train=False)
  shapes = jax.eval_shape(init, jax.random.key(0), *maps)
  rng = np.random.default_rng(0)
  variables = jax.tree.map(
      lambda x: jnp.asarray(rng.uniform(0.1, 1, x.shape), jnp.float32), shapes
  )
  apply = functools.partial(path.apply, variables, train=False)
  far = [*maps[:2], maps[2].at[0, -1, -1].add(100.0)]
  x16, x32 = (np.abs(a - b) for a, b in zip(apply(*maps), apply(*far)))
  for x, size in ((x16, 32), (x32, 16)):
    assert x.shape == (1, size, size, 4)
    assert x[0, 0, 0].max() > 1e-3


def test_an_unknown_upsampling_is_refused():
  model = bisenet.BiSeNet(2, xception39.Xception39((1, 1, 1)), up="cubic")
  with pytest.raises(ValueError, match=r"BiSeNet.up is 'cubic'; there are"):
    model.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False)
