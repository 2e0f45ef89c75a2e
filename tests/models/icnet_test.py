"""ICNet: the sizes of its branches and of the authors' networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import resnet
from segjax.models import icnet
from tests import variables as draws


def image_of(*size):
  return jax.ShapeDtypeStruct((1, *size, 3), jnp.float32)


def count(tree):
  return sum(x.size for x in jax.tree.leaves(tree))


def test_it_is_as_large_as_the_authors_cityscapes_network():
  """icnet_cityscapes.prototxt, less the three numbers that scale its input.

  That network has no classifiers of the guidance, which training alone needs.
  """
  params = draws.shapes(icnet.ICNet(19), image_of(65, 97))["params"]
  guidance = count([params["low_head"], params["medium_head"]])
  assert guidance == (256 + 128) * 19 + 2 * 19
  assert count(params) - guidance == 6_699_990 - 3


def test_branches_are_at_1_32_and_1_16():
  """Fig. 2, at the size of Cityscapes and a pixel more."""
  model = icnet.CascadeResNet()
  variables = draws.shapes(model, image_of(513, 1025))
  features = jax.eval_shape(
      lambda v, x: model.apply(v, x, train=False),
      variables,
      image_of(513, 1025),
  )
  assert features["c3"].shape == (1, 65, 129, 256)
  assert features["c5"].shape == (1, 33, 65, 1024)


@pytest.mark.parametrize("halve_after", (1, 3, 4))
def test_the_second_halving_moves_and_the_weights_stay(halve_after):
  """A ResNet's weights fit, wherever the branches part."""
  options = {"width": 8, "deep_stem": (4, 4, 8)}
  want = draws.shapes(
      resnet.ResNet(output_stride=8, **options), image_of(64, 64)
  )
  model = icnet.CascadeResNet(halve_after=halve_after, **options)
  got = draws.shapes(model, image_of(64, 64))
  assert jax.tree.structure(got) == jax.tree.structure(want)
  assert jax.tree.leaves(got) == jax.tree.leaves(want)


@pytest.mark.parametrize("halve_after", (0, 5))
def test_branches_part_within_conv3(halve_after):
  message = f"halve_after is {halve_after}; conv3_x has the blocks 1 to 4"
  with pytest.raises(ValueError, match=message):
    draws.shapes(icnet.CascadeResNet(halve_after=halve_after), image_of(64, 64))


def test_halving_keeps_every_other_pixel_or_means_of_four():
  x = jax.random.normal(jax.random.key(0), (1, 9, 7, 2))
  np.testing.assert_allclose(
      icnet.halve(x, align_corners=True), x[:, ::2, ::2], atol=1e-6
  )
  want = np.asarray(x)[:, :8, :6].reshape(1, 4, 2, 3, 2, 2).mean((2, 4))
  np.testing.assert_allclose(
      icnet.halve(x, align_corners=False), want, atol=1e-6
  )


def test_halving_by_scale_is_pytorch_s():
  """What mmsegmentation does, at odd sizes too."""
  torch = pytest.importorskip("torch")
  x = jax.random.normal(jax.random.key(0), (1, 9, 7, 2))
  want = torch.nn.functional.interpolate(
      torch.from_numpy(np.moveaxis(np.asarray(x), -1, 1).copy()),
      scale_factor=0.5,
      mode="bilinear",
      align_corners=False,
  )
  got = np.moveaxis(np.asarray(icnet.halve(x, align_corners=False)), -1, 1)
  np.testing.assert_allclose(got, want.numpy(), atol=1e-6)


def test_a_pixel_is_never_halved_away():
  for align_corners in (False, True):
    x = icnet.halve(jnp.ones((1, 1, 1, 2)), align_corners=align_corners)
    np.testing.assert_array_equal(x, np.ones((1, 1, 1, 2)))
