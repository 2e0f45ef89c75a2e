"""DenseASPP: what its chain of rates sees, and its sizes."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from segjax import layers
from segjax.backbones import mobilenet
from segjax.models import denseaspp
from tests import variables as draws


class Pixels(nn.Module):
  """A backbone whose features are the image."""

  @nn.compact
  def __call__(self, image, *, train):
    return {"c5": image}


def head(rates):
  return denseaspp.DenseASPP(
      2,
      Pixels(),
      False,
      rates,
      inner_features=8,
      features=8,
      norm=layers.Identity,
  )


def seen(rates, size):
  """How far from the middle of a row its logits still see, in pixels."""
  model = head(rates)
  image = jax.random.uniform(jax.random.key(0), (1, 1, size, 3))
  variables = draws.draw(model, image)
  centre = size // 2

  def logits(image):
    return jnp.sum(
        model.apply(variables, image, train=False)["logits"][0, 0, centre]
    )

  moved = np.abs(jax.grad(logits)(image))[0, 0].max(-1) > 0
  places = np.flatnonzero(moved) - centre
  return int(places.min()), int(places.max())


def test_the_largest_field_is_the_sum_of_all_rates():
  """3 + 6 + 12 + 18 + 24 pixels to each side (Sec. 3.2)."""
  assert seen((3, 6, 12, 18, 24), 151) == (-63, 63)


def test_rates_are_distances():
  assert seen((5,), 21) == (-5, 5)


def test_later_layers_see_all_earlier_ones():
  """Fig. 3: 64 channels more at each layer; the first has no norm in front."""
  image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  params = draws.shapes(denseaspp.DenseASPP(19), image)["params"]
  inputs = [params[f"aspp{i}"]["conv1"]["kernel"].shape[2] for i in range(1, 6)]
  assert inputs == [512, 576, 640, 704, 768]
  assert "norm1" not in params["aspp1"]
  assert params["classifier"]["kernel"].shape == (1, 1, 832, 19)


def test_on_mobilenet_it_is_as_large_as_the_authors_s():
  """2,486,419; their first bottleneck expands by one with a convolution."""
  model = denseaspp.DenseASPP(19, mobilenet.MobileNetV2(8), halve=False)
  image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  params = draws.shapes(model, image)["params"]
  expansion = 32 * 32 + 2 * 32
  total = sum(x.size for x in jax.tree.leaves(params))
  assert total + expansion == 2_486_419
