"""U-Net against the geometry that its paper states."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.models import unet

TINY = (4, 6, 8)


def shapes(model, size, channels=1):
  image = jax.ShapeDtypeStruct((1, *size, channels), jnp.float32)
  make = functools.partial(model.init_with_output, train=False)
  outputs, variables = jax.eval_shape(make, jax.random.key(0), image)
  return {k: v.shape for k, v in outputs.items()}, variables


def test_figure_1_572_pixels_give_388():
  outputs, variables = shapes(unet.UNet(2, padding="valid"), (572, 572))
  assert outputs == {"logits": (1, 388, 388, 2)}
  count = sum(np.prod(v.shape) for v in jax.tree.leaves(variables["params"]))
  assert count == 31_030_658
  assert unet.valid_tile(388, 5) == (572, 388)


def test_23_convolutional_layers_in_total():
  """Sec. 2, last paragraph but one."""
  _, variables = shapes(unet.UNet(2), (64, 64))
  kernels = [
      v for v in jax.tree.leaves(variables["params"]) if len(v.shape) == 4
  ]
  assert len(kernels) == 23


@pytest.mark.parametrize("padding", ("mirror", "same"))
@pytest.mark.parametrize("up", unet.UPS)
@pytest.mark.parametrize("size", ((65, 97), (64, 32), (3, 5)))
def test_logits_are_as_large_as_the_image(size, up, padding):
  model = unet.UNet(3, TINY, padding, up, fcn_head=True)
  outputs, _ = shapes(model, size, channels=3)
  assert outputs == {"logits": (1, *size, 3), "aux": (1, *size, 3)}


def test_mirrored_tiles_are_the_unpadded_network_on_a_reflected_image():
  """Fig. 2: what the caller of the unpadded network does, done inside."""
  image = jax.random.normal(jax.random.key(0), (1, 40, 52, 1))
  whole = unet.UNet(2, TINY, "mirror")
  init = jax.jit(functools.partial(whole.init, train=False))
  variables = init(jax.random.key(1), image)
  margin = (unet.valid_tile(40, 3)[0] - unet.valid_tile(40, 3)[1]) // 2
  tiles = [unet.valid_tile(s, 3)[0] for s in (40, 52)]
  pads = [(margin, t - s - margin) for t, s in zip(tiles, (40, 52))]
  reflected = np.pad(image, ((0, 0), *pads, (0, 0)), mode="reflect")
  bare = unet.UNet(2, TINY, "valid")
  want, got = (
      jax.jit(functools.partial(model.apply, train=False))(variables, x)[
          "logits"
      ]
      for model, x in ((bare, reflected), (whole, image))
  )
  np.testing.assert_allclose(got, want[:, :40, :52], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", (16, 28))
def test_tiles_are_the_whole_image(size):
  """The overlap-tile strategy: no seam, no border, whatever the tile's size."""
  image = jax.random.normal(jax.random.key(0), (2, 41, 53, 1))
  whole = unet.UNet(2, TINY, "mirror")
  init = jax.jit(functools.partial(whole.init, train=False))
  variables = init(jax.random.key(1), image)
  bare = unet.UNet(2, TINY, "valid")

  @jax.jit
  def tiled(image):
    apply = lambda tile: bare.apply(variables, tile, train=False)["logits"]
    return unet.overlap_tile(apply, image, size=size, depth=3)

  apply = jax.jit(functools.partial(whole.apply, train=False))
  want = apply(variables, image)["logits"]
  got = tiled(image)
  assert got.shape == want.shape
  assert np.std(want) > 0.01
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_an_unpadded_network_names_the_side_that_fits():
  with pytest.raises(ValueError, match=r"side of 190 .* depth 5; 204 does"):
    shapes(unet.UNet(2, padding="valid"), (188, 190))


def test_an_unknown_form_is_refused():
  with pytest.raises(ValueError, match=r"UNet.up is 'nearest'; there are"):
    shapes(unet.UNet(2, TINY, up="nearest"), (32, 32))
