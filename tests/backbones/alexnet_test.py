"""AlexNet: the maps that it has, and the smallest image."""

import functools

import jax
import jax.numpy as jnp
import pytest

from segjax.backbones import alexnet
from tests import variables as draws


def shapes(side):
  model = alexnet.AlexNet()
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
  }


def test_the_smallest_image_has_63_pixels_a_side():
  assert shapes(63)["c5"].shape == (1, 1, 1, 256)
  with pytest.raises(ValueError, match="does not fit"):
    shapes(62)
