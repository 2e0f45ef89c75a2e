"""ASPP: its branches, and the sizes of DeepLabv3 and DeepLabv3+."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import resnet
from segjax.models import deeplab_v3, deeplab_v3plus
from tests import variables as draws


def test_the_image_branch_sees_the_whole_map():
  """A far pixel changes the result through the image-level branch alone."""
  aspp = deeplab_v3.ASPP(rates=(1,), features=4)
  x = jax.random.normal(jax.random.key(0), (1, 21, 21, 3))
  variables = draws.draw(aspp, x)
  far = x.at[0, 20, 20].add(100.0)
  apply = lambda v, x: aspp.apply(v, x, train=False)[0, 0, 0]
  assert np.abs(apply(variables, x) - apply(variables, far)).max() > 1e-3
  kernel = variables["params"]["image_pool"]["conv"]["kernel"]
  variables["params"]["image_pool"]["conv"]["kernel"] = jnp.zeros_like(kernel)
  np.testing.assert_array_equal(apply(variables, x), apply(variables, far))


@pytest.mark.parametrize("rate", (2, 5))
def test_a_rate_is_the_reach_of_a_branch(rate):
  """Eq. (1): y[i] sees x[i - rate], x[i] and x[i + rate], nothing between."""
  aspp = deeplab_v3.ASPP(rates=(rate,), features=4)
  x = jnp.zeros((1, 13, 13, 2))
  variables = draws.draw(aspp, x)
  kernel = variables["params"]["image_pool"]["conv"]["kernel"]
  variables["params"]["image_pool"]["conv"]["kernel"] = jnp.zeros_like(kernel)
  apply = lambda x: aspp.apply(variables, x, train=False)
  moved = np.abs(apply(x.at[0, 6, 6].set(1.0)) - apply(x))[0].max(-1) > 0
  seen = {int(i) for i in np.flatnonzero(moved.any(1))}
  assert seen <= {6 - rate, 6, 6 + rate}
  assert {6 - rate, 6 + rate} & seen


def count(model):
  image = jax.ShapeDtypeStruct((1, 65, 65, 3), jnp.float32)
  params = draws.shapes(model, image)["params"]
  return sum(x.size for x in jax.tree.leaves(params))


def test_deeplab_v3_is_as_large_as_vainf_s():
  """deeplabv3_resnet101 of that code: one 3x3 convolution after ASPP."""
  backbone = resnet.ResNet(resnet.STAGE_SIZES[101], output_stride=16)
  model = deeplab_v3.DeepLabV3(21, backbone, head_convs=1)
  assert count(model) == 58_630_997


@pytest.mark.parametrize("depth, want", ((50, 26_819_909), (101, 45_812_037)))
def test_the_paper_s_deeplab_v3plus_is_as_large_as_the_authors_s(depth, want):
  """The defaults, on resnet_v1_*_beta of the authors' TensorFlow code."""
  backbone = resnet.ResNet(
      resnet.STAGE_SIZES[depth], output_stride=16, deep_stem=(64, 64, 128)
  )
  assert count(deeplab_v3plus.DeepLabV3Plus(21, backbone)) == want
