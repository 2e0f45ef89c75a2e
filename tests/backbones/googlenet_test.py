"""GoogLeNet: the channels of Table 1, and its input's scale."""

import functools

import jax
import numpy as np

from segjax import ops
from segjax.backbones import googlenet
from tests import variables as draws

IMAGE = jax.random.uniform(jax.random.key(0), (1, 64, 64, 3), maxval=255.0)


def test_channels_are_those_of_table_1():
  model = googlenet.GoogLeNet()
  features = jax.eval_shape(
      functools.partial(model.apply, train=False),
      draws.shapes(model, IMAGE),
      IMAGE,
  )
  widths = [features[f"c{i}"].shape[-1] for i in range(1, 6)]
  assert widths == [64, 192, 480, 832, 1024]


def test_an_imagenet_image_is_scaled_to_the_unit_one():
  """`renormalize` on one preset's image is the plain network on the other's."""
  plain = googlenet.GoogLeNet()
  scaled = plain.clone(renormalize=True)
  variables = draws.draw(plain, IMAGE)

  @functools.partial(jax.jit, static_argnums=0)
  def stem(model, image):
    return model.apply(variables, image, train=False)["c1"]

  want = stem(plain, ops.normalize(IMAGE, "unit"))
  image = ops.normalize(IMAGE, "imagenet")
  np.testing.assert_allclose(stem(scaled, image), want, atol=1e-4)
  assert np.abs(stem(plain, image) - want).max() > 0.1
