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


def test_deeplab_v3plus_without_separable_convolutions_is_jfzhang_s():
  """deeplabv3_plus on resnet101 of jfzhang95/pytorch-deeplab-xception."""
  backbone = resnet.ResNet(resnet.STAGE_SIZES[101], output_stride=16)
  model = deeplab_v3plus.DeepLabV3Plus(21, backbone, separable=False)
  assert count(model) == 59_344_309


@pytest.mark.parametrize("output_stride, rate", ((16, 2), (8, 4)))
def test_multi_grid_multiplies_the_rate_of_block_4(output_stride, rate):
  """Sec. 3.2: rate * (1, 2, 4), which is (2, 4, 8) at output stride 16."""
  backbone = resnet.ResNet(
      (1, 1, 1, 3),
      width=4,
      output_stride=output_stride,
      multi_grid=(1, 2, 4),
      contract_dilation=False,
  )
  model = deeplab_v3.DeepLabV3(2, backbone, features=4)
  rates = draws.dilations(model, (33, 33))
  got = [rates[f"backbone/layer4/block{i}/conv2/conv"] for i in range(3)]
  assert got == [rate, 2 * rate, 4 * rate]
  assert [rates[f"aspp/atrous{i}/conv"] for i in (1, 2, 3)] == [6, 12, 18]


def cascade(output_stride=16, blocks=3):
  backbone = resnet.ResNet(
      resnet.STAGE_SIZES[50],
      output_stride=output_stride,
      multi_grid=(1, 2, 1),
      contract_dilation=False,
  )
  rates = tuple(64 // output_stride * 2**i for i in range(blocks))
  return deeplab_v3.DeepLabV3Cascade(21, backbone, rates)


def test_the_blocks_of_the_cascade_double_their_rates():
  """Fig. 3b: 2, 4, 8 and 16 in blocks 4 to 7, times (1, 2, 1)."""
  rates = draws.dilations(cascade(), (65, 65))
  names = ["backbone/layer4", *(f"cascade/block{i}" for i in (5, 6, 7))]
  for name, rate in zip(names, (2, 4, 8, 16)):
    got = [rates[f"{name}/block{i}/conv2/conv"] for i in range(3)]
    assert got == [rate, 2 * rate, rate], name


def test_the_blocks_of_the_cascade_are_copies_of_block_4():
  """Three bottlenecks, the first of which has nothing to project."""
  image = jax.ShapeDtypeStruct((1, 65, 65, 3), jnp.float32)
  params = draws.shapes(cascade(), image)["params"]
  block4 = dict(params["backbone"]["layer4"])
  for i in (5, 6, 7):
    block = params["cascade"][f"block{i}"]
    assert block["block1"] == block4["block1"]
    assert block["block2"] == block4["block2"]
    assert block["block0"] == block4["block1"]
  assert count(cascade()) - count(cascade(blocks=2)) == sum(
      3 * x.size for x in jax.tree.leaves(block4["block1"])
  )


@pytest.mark.parametrize("build", (cascade, lambda stride: deeplab_v3.DeepLabV3(
    21, resnet.ResNet(output_stride=stride))))  # fmt: skip
def test_weights_do_not_depend_on_the_output_stride(build):
  """Sec. 4.1: trained at output stride 16, evaluated at 8."""
  image = jax.ShapeDtypeStruct((1, 65, 65, 3), jnp.float32)
  assert draws.shapes(build(8), image) == draws.shapes(build(16), image)
