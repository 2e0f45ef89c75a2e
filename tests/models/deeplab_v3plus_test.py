"""DeepLabv3+: its decoder and its Xception."""

import jax
import jax.numpy as jnp

from segjax.backbones import resnet, xception
from segjax.models import deeplab_v3plus
from tests import variables as draws

IMAGE = jax.ShapeDtypeStruct((1, 65, 97, 3), jnp.float32)


def test_xception_gives_256_low_level_channels_at_stride_4():
  """What the authors' decoder sees, at every output stride."""
  for depth, (entry, _) in xception.SIZES.items():
    for output_stride in (8, 16):
      backbone = xception.AlignedXception(entry, 1, output_stride)
      features = jax.eval_shape(
          lambda v, x, net=backbone: net.apply(v, x, train=False),
          draws.shapes(backbone, IMAGE),
          IMAGE,
      )
      assert features["low_level"].shape == (1, 17, 25, 256), depth


def test_low_level_features_are_not_rectified():
  """They are taken before the activation of the third convolution."""
  backbone = xception.AlignedXception(middle=1, width=2)
  image = jax.random.normal(jax.random.key(0), (1, 33, 33, 3))
  variables = draws.draw(backbone, image)
  low_level = draws.forward(backbone, variables, image)["low_level"]
  assert (low_level < 0).mean() > 0.1


def test_the_decoder_refines_48_low_level_channels_twice():
  """Tables 1 and 2: [1x1, 48], then twice [3x3, 256]."""
  backbone = resnet.ResNet((1, 1, 1, 1), width=4, output_stride=16)
  model = deeplab_v3plus.DeepLabV3Plus(21, backbone)
  decoder = draws.shapes(model, IMAGE)["params"]["decoder"]
  assert sorted(decoder) == ["conv1", "conv2", "reduce"]
  assert decoder["reduce"]["conv"]["kernel"].shape == (1, 1, 16, 48)
  conv1, conv2 = decoder["conv1"], decoder["conv2"]
  assert conv1["depthwise"]["conv"]["kernel"].shape == (3, 3, 1, 256 + 48)
  assert conv1["pointwise"]["conv"]["kernel"].shape == (1, 1, 304, 256)
  assert conv2["depthwise"]["conv"]["kernel"].shape == (3, 3, 1, 256)


def test_the_image_level_branch_can_be_left_out():
  """Sec. 4.5: better on Cityscapes."""
  backbone = resnet.ResNet((1, 1, 1, 1), width=4, output_stride=16)
  model = deeplab_v3plus.DeepLabV3Plus(19, backbone, image_level=False)
  aspp = draws.shapes(model, IMAGE)["params"]["aspp"]
  assert "image_pool" not in aspp
  assert aspp["project"]["conv"]["kernel"].shape == (1, 1, 4 * 256, 256)
