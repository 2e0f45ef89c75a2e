"""The context module of Yu and Koltun, its front end, and DRNs upsampled."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import drn
from segjax.models import dilated
from tests import variables as draws
from tests.models.tiny import DILATED


def context(kind, **options):
  return dilated.Context(dilated.WIDTHS[kind], **options)


def compiled(function, *arguments):
  """Its result, compiled in a hurry rather than well."""
  options = {"xla_backend_optimization_level": 0}
  return jax.jit(function, compiler_options=options)(*arguments)


def scores(size, classes, seed=0):
  """Positive class scores."""
  shape = (1, *size, classes)
  return jax.random.uniform(jax.random.key(seed), shape, minval=0.1)


@pytest.mark.parametrize("pad_each", (False, True))
@pytest.mark.parametrize("kind", ("basic", "large"))
def test_a_fresh_context_module_passes_its_input_on(kind, pad_each):
  """Eq. 4 and 5, without noise, on scores that no truncation touches."""
  module = context(kind, pad_each=pad_each, noise=0.0)
  x = scores((9, 7), 2)
  y, _ = compiled(module.init_with_output, jax.random.key(1), x)
  np.testing.assert_allclose(y, x, rtol=1e-5)


def test_the_noise_of_a_fresh_large_module_is_small():
  """Sec. 3: sigma << C / c, which breaks ties and changes little."""
  x = scores((9, 7), 2)
  module = context("large", pad_each=True)
  y, variables = compiled(module.init_with_output, jax.random.key(1), x)
  error = np.abs(y - x)
  assert 0 < error.mean() < 0.1
  kernel = variables["params"]["conv1"]["kernel"]
  assert len(np.unique(kernel)) > kernel.size // 2


def test_a_basic_module_begins_without_noise():
  module = context("basic")
  variables = module.init(jax.random.key(1), scores((3, 3), 4))
  kernel = variables["params"]["conv1"]["kernel"]
  np.testing.assert_array_equal(np.unique(kernel), (0, 1))


def test_channels_that_classes_do_not_divide_are_refused():
  init = dilated.identity_kernel(3)
  with pytest.raises(ValueError, match="3 classes do not divide 6 and 8"):
    init(jax.random.key(0), (3, 3, 6, 8))


def test_a_basic_module_has_64_c_squared_weights():
  """Sec. 3, beside its biases."""
  module = context("basic")
  x = jax.ShapeDtypeStruct((1, 8, 8, 21), jnp.float32)
  params = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
  assert sum(p["kernel"].size for p in params.values()) == 64 * 21**2


def test_a_large_module_has_the_channels_of_table_1():
  x = jax.ShapeDtypeStruct((1, 8, 8, 21), jnp.float32)
  init = context("large").init
  params = jax.eval_shape(init, jax.random.key(0), x)["params"]
  widths = [params[f"conv{i}"]["bias"].size // 21 for i in range(1, 8)]
  assert [*widths, params["final"]["bias"].size // 21] == [
      *(2, 2, 4, 8, 16, 32, 32, 1)
  ]


def test_the_context_module_sees_67_scores():
  """Table 1: a score reaches 33 others on each side, and no 34th."""
  module = context("basic", pad_each=True)
  x = jnp.ones((1, 1, 71, 1))
  variables = jax.tree.map(jnp.ones_like, module.init(jax.random.key(0), x))
  apply = lambda x: module.apply(variables, x)[0, 0, :, 0]
  moved = np.flatnonzero(apply(x) != apply(x.at[0, 0, 35].add(1.0)))
  assert (moved.min(), moved.max()) == (35 - 33, 35 + 33)


def test_padding_once_is_as_deep_as_padding_each():
  """Sec. 5 pads by 33, after which the layers give the size of their input."""
  x = scores((6, 11), 3)
  once, each = context("basic"), context("basic", pad_each=True)
  variables = each.init(jax.random.key(0), x)
  assert once.apply(variables, x).shape == each.apply(variables, x).shape


@pytest.mark.parametrize("size", ((33, 41), (34, 48), (5, 9)))
def test_the_image_is_reflected_about_its_edges(size):
  """Sec. 4: a margin of our own is the margin that the authors' nets expect."""
  options = DILATED | {"context": "basic", "num_classes": 3}
  ours = dilated.DilatedNet(**options)
  theirs = dilated.DilatedNet(**options | {"margin": 0})
  image = np.random.default_rng(0).standard_normal((1, *size, 3))
  image = image.astype(np.float32)
  variables = draws.draw(ours, image)
  grid = [-(-(n - 1) // 8) + 1 for n in size]
  pads = [(31, 31 + 8 * g - n) for g, n in zip(grid, size)]
  padded = np.pad(image, ((0, 0), *pads, (0, 0)), mode="reflect")
  got = draws.forward(ours, variables, image)
  want = draws.forward(theirs, variables, padded)
  assert want["context"].shape == (1, *grid, 3)
  on_grid = got["logits"][:, ::8, ::8]
  height, width = on_grid.shape[1:3]
  np.testing.assert_allclose(
      on_grid, want["context"][:, :height, :width], rtol=1e-3, atol=1e-4
  )
  np.testing.assert_allclose(
      got["frontend"][:, ::8, ::8],
      want["frontend"][:, :height, :width],
      rtol=1e-3,
      atol=1e-4,
  )


def test_the_front_end_takes_372_pixels_and_leaves_no_padding():
  """The authors' 900 x 900 input gives 66 x 66 scores."""
  model = dilated.DilatedNet(21, margin=0)
  image = jax.ShapeDtypeStruct((1, 900, 900, 3), jnp.float32)
  outputs = jax.eval_shape(
      lambda key, image: model.init_with_output(key, image, train=False)[0],
      jax.random.key(0),
      image,
  )
  assert outputs["frontend"].shape == outputs["context"].shape
  assert outputs["context"].shape == (1, 66, 66, 21)
  assert 900 - 2 * dilated.MARGIN == 66 * 8


@pytest.mark.parametrize(
    "options, message",
    (
        ({"context": "huge"}, "context is 'huge'; possible are"),
        ({"margin": 40}, "a margin of 40 makes maps of"),
        ({"rates": (1, 2)}, "7 widths do not fit 2 rates"),
    ),
)
def test_what_does_not_fit_is_named(options, message):
  model = dilated.DilatedNet(3, **DILATED | options)
  image = jax.ShapeDtypeStruct((1, 33, 33, 3), jnp.float32)
  with pytest.raises(ValueError, match=message):
    draws.shapes(model, image)


def test_a_fresh_drn_s_scores_are_interpolated():
  """Its deconvolution begins as bilinear upsampling by 8, class by class."""
  model = dilated.DRNSeg(3, drn.DRN((1,) * 8, width=2))
  image = jnp.zeros((1, 16, 16, 3))
  init = functools.partial(model.init, train=False)
  variables = compiled(init, jax.random.key(1), image)
  kernel = variables["params"]["up"]["kernel"]
  assert kernel.shape == (16, 16, 1, 3)
  line = 1 - np.abs(np.arange(16) - 7.5) / 8
  for c in range(3):
    np.testing.assert_allclose(kernel[..., 0, c], np.outer(line, line))
