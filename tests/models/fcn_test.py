"""FCN: initialisation, geometry, errors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers
from segjax.backbones import alexnet, vgg
from segjax.models import fcn
from tests import variables as draws


def tiny(**options):
  backbone = vgg.VGG((1,) * 5, width=2, first_padding=100, ceil_mode=True)
  return fcn.FCN(2, features=4, backbone=backbone, **options)


def tiny_alexnet(**options):
  backbone = alexnet.AlexNet(
      convs=alexnet.TWO_TOWERS,
      first_padding=100,
      ceil_mode=True,
      width=1 / 16,
  )
  return fcn.FCNAlexNet(2, features=4, backbone=backbone, **options)


NETS = {
    "VGG-16": tiny,
    "AlexNet": tiny_alexnet,
    "GoogLeNet": functools.partial(fcn.FCNGoogLeNet, 2),
}


@pytest.mark.parametrize(
    "model, millions",
    (
        (fcn.FCN(21, stride=32), 134),
        (fcn.FCNAlexNet(21), 57),
        (fcn.FCNGoogLeNet(21), 6),
    ),
    ids=NETS,
)
def test_table_1_states_the_parameters(model, millions):
  """In millions, without the upsampling."""
  image = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
  init = functools.partial(model.init, train=False)
  params = jax.eval_shape(init, jax.random.key(0), image)["params"]
  del params["upscore"]
  count = sum(x.size for x in jax.tree.leaves(params))
  assert round(count / 1e6) == millions


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


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("stride", (8, 16, 32))
@pytest.mark.parametrize("size", ((1, 97), (31, 32), (64, 33), (224, 500)))
def test_logits_cover_every_size_of_image(net, stride, size):
  model = NETS[net](stride=stride)
  image = jax.ShapeDtypeStruct((1, *size, 3), jnp.float32)
  init = functools.partial(model.init_with_output, train=False)
  outputs, _ = jax.eval_shape(init, jax.random.key(0), image)
  assert outputs["logits"].shape == (1, *size, 2)


@pytest.mark.parametrize("stride", (8, 16, 32))
@pytest.mark.parametrize("net", NETS)
def test_origins_are_where_the_backbone_s_cells_are(net, stride):
  """The pixels that raise a cell lie around origin + stride * cell.

  With equal, positive weights the gradient of a cell is heaviest around what
  it sees. A pool passes it to its maximum alone; on a ramp that is always at
  the same side, which a ramp the other way round undoes.
  """
  model = NETS[net](stride=32)
  backbone = model.backbone
  image = jnp.ones((1, 193, 65, 3))
  pad = ((0, 0), *[(model.padding,) * 2] * 2, (0, 0))
  key = {8: model.skips[0], 16: model.skips[1], 32: "c5"}[stride]
  origin = model.origins[(8, 16, 32).index(stride)]
  variables = jax.tree.map(
      lambda x: jnp.full(x.shape, 0.01), draws.shapes(backbone, image)
  )
  cell = round((96 - origin) / stride)

  def raised(x):
    maps = backbone.apply(variables, jnp.pad(x, pad), train=False)
    return maps[key][0, cell, maps[key].shape[2] // 2].sum()

  ramp = jnp.linspace(1, 1.001, 193)[None, :, None, None]
  options = {"xla_backend_optimization_level": 0}
  gradient = jax.jit(jax.grad(raised), compiler_options=options)
  mean = 0.0
  for slope in (ramp, ramp[:, ::-1]):
    seen = jnp.abs(gradient(image * slope)).sum((0, 2, 3))
    mean += float(jnp.sum(seen * jnp.arange(193)) / jnp.sum(seen)) / 2
  assert mean == pytest.approx(origin + stride * cell, abs=1)


def test_other_strides_are_errors():
  with pytest.raises(ValueError, match="stride is 4; possible are 8, 16"):
    tiny(stride=4).init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)), train=False)
