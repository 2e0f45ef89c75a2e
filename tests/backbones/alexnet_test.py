"""AlexNet: the maps that it has, and the smallest image."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import ops
from segjax.backbones import alexnet
from tests import variables as draws


def shapes(side, **options):
  model = alexnet.AlexNet(**options)
  image = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
  return jax.eval_shape(
      functools.partial(model.apply, train=False),
      draws.shapes(model, image),
      image,
  )


def test_maps_at_the_networks_own_size():
  features = shapes(224)
  assert {k: f.shape[1:] for k, f in features.items()} == {
      "c1": (55, 55, 64),
      "c2": (55, 55, 64),
      "c3": (27, 27, 192),
      "c4": (13, 13, 256),
      "c5": (6, 6, 256),
      "pool1": (27, 27, 64),
      "pool2": (13, 13, 192),
  }


@pytest.mark.parametrize("lrn", alexnet.LRN)
def test_two_towers_are_those_of_the_first_paper(lrn):
  """55, 27 and 13 cells a side with 96, 256 and 256 kernels, from 227."""
  features = shapes(227, convs=alexnet.TWO_TOWERS, lrn=lrn)
  assert {k: f.shape[1:] for k, f in features.items()} == {
      "c1": (55, 55, 96),
      "c2": (55, 55, 96),
      "c3": (27, 27, 256),
      "c4": (13, 13, 256),
      "c5": (6, 6, 256),
      "pool1": (27, 27, 96),
      "pool2": (13, 13, 256),
  }


def test_pooling_and_normalisation_have_an_order():
  """CaffeNet turned round what the paper does first."""
  options = dict(convs=alexnet.TWO_TOWERS, width=1 / 8)
  image = 50 * jax.random.normal(jax.random.key(0), (1, 67, 67, 3))
  models = [alexnet.AlexNet(lrn=lrn, **options) for lrn in alexnet.LRN]
  variables = draws.draw(models[0], image)
  none, before, after = (
      draws.forward(model, variables, image)["pool1"] for model in models
  )
  np.testing.assert_allclose(after, ops.local_response_norm(none), rtol=1e-5)
  assert np.abs(before - after).max() > 1e-3 * np.abs(after).max()


def test_an_unknown_normalisation_is_refused():
  with pytest.raises(ValueError, match="lrn is 'behind'; there are"):
    shapes(227, lrn="behind")


def test_the_smallest_image_has_63_pixels_a_side():
  assert shapes(63)["c5"].shape == (1, 1, 1, 256)
  with pytest.raises(ValueError, match="does not fit"):
    shapes(62)
