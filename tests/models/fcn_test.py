"""FCN: initialisation, geometry, errors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers
from segjax.backbones import vgg
from segjax.models import fcn


def tiny(**options):
  backbone = vgg.VGG((1,) * 5, width=2, first_padding=100, ceil_mode=True)
  return fcn.FCN(2, features=4, backbone=backbone, **options)


@pytest.mark.parametrize("factor", (2, 8))
def test_deconvolutions_begin_as_bilinear_interpolation(factor):
  """Inside, a ramp stays a ramp of 1/factor, class by class (Sec. 4.3)."""
  kernel = fcn.bilinear_kernel(None, (2 * factor, 2 * factor, 2, 2))
  ramp = jnp.stack([jnp.arange(6.0), 10 * jnp.arange(6.0)], axis=-1)
  image = jnp.broadcast_to(ramp, (1, 6, 6, 2))
  model = layers.ConvTranspose(2, 2 * factor, factor, use_bias=False)
  y = model.apply({"params": {"kernel": kernel}}, image)
  inside = slice(2 * factor, -2 * factor)
  steps = np.diff(y[0, inside, inside], axis=1)
  np.testing.assert_allclose(steps[..., 0], 1 / factor, atol=1e-5)
  np.testing.assert_allclose(steps[..., 1], 10 / factor, atol=1e-4)


def test_fresh_scores_are_zero():
  """The class scoring layers begin at zero (Sec. 4.3)."""
  image = jax.random.normal(jax.random.key(0), (1, 20, 20, 3))
  init = functools.partial(tiny().init_with_output, train=False)
  options = {"xla_backend_optimization_level": 0}  # Compiles faster.
  init = jax.jit(init, compiler_options=options)
  outputs, _ = init(jax.random.key(1), image)
  assert np.all(outputs["logits"] == 0)


@pytest.mark.parametrize("stride", (8, 16, 32))
def test_logits_lie_on_the_pixels_that_they_see(stride):
  """The crops undo padding and strides.

  With positive weights everywhere a bright pixel must raise the logits around
  itself most, wherever it is, to within half of the output's stride.
  """
  model = tiny(stride=stride)
  blank = jnp.zeros((1, 97, 129, 3))
  shapes = jax.eval_shape(
      functools.partial(model.init, train=False), jax.random.key(0), blank
  )

  def leaf(path, x):
    name = "/".join(key.key for key in path)
    if "upscore" in name:
      return fcn.bilinear_kernel(None, x.shape)
    return jnp.full(x.shape, 0.0 if name.endswith("bias") else 0.1)

  variables = jax.tree_util.tree_map_with_path(leaf, shapes)
  # fc6 sees seven cells; its centre alone is what is tested here.
  kernel = variables["params"]["fc6"]["kernel"]
  variables["params"]["fc6"]["kernel"] = (
      jnp.zeros_like(kernel).at[3, 3].set(0.1)
  )
  apply = jax.jit(functools.partial(model.apply, train=False))
  for at in ((30, 30), (48, 64), (70, 101)):
    image = blank.at[0, at[0] - 8 : at[0] + 9, at[1] - 8 : at[1] + 9].set(1.0)
    logits = np.asarray(apply(variables, image)["logits"][0, ..., 0])
    weight = logits / logits.sum()
    rows, columns = np.mgrid[:97, :129]
    centre = (np.sum(weight * rows), np.sum(weight * columns))
    assert np.abs(np.subtract(centre, at)).max() < max(stride / 2, 8), centre


def test_other_strides_are_errors():
  with pytest.raises(ValueError, match="stride is 4; possible are 8, 16"):
    tiny(stride=4).init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)), train=False)
