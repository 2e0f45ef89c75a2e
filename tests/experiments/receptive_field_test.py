"""Receptive fields: the program's against the layers counted by hand."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import receptive_field
from segjax import layers, ops
from segjax.backbones import alexnet, densenet, mobilenet_v3, resnet, vgg


def by_hand(*windows):
  """Of (size, stride) layers, first to last."""
  field, jump = 1, 1
  for size, stride in windows:
    field += (size - 1) * jump
    jump *= stride
  return field


ALEXNET = ((11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2))
VGG_16 = (
    *(((3, 1),) * 2 + ((2, 2),)) * 2,
    *(((3, 1),) * 3 + ((2, 2),)) * 3,
)
RESNET_50 = (
    (7, 2),
    (3, 2),
    *((3, 1),) * 3,
    *((3, 2), *((3, 1),) * 3),
    *((3, 2), *((3, 1),) * 5),
    *((3, 2), *((3, 1),) * 2),
)


@pytest.mark.parametrize(
    "model, want",
    (
        (alexnet.AlexNet(), by_hand(*ALEXNET)),
        (vgg.VGG(), by_hand(*VGG_16)),
        (resnet.ResNet(), by_hand(*RESNET_50)),
    ),
)
def test_it_is_that_of_the_layers(model, want):
  assert want in (195, 212, 427)  # The first two as in Araujo et al., Table 1.
  assert receptive_field.receptive_field(model) == want


@pytest.mark.parametrize("output_stride", (8, 16))
def test_dilation_keeps_it(output_stride):
  """What atrous convolution is for: resolution without a smaller view."""
  strided, dilated = (
      densenet.DenseNet((1, 1, 2, 1), 4, 4, output_stride=stride)
      for stride in (32, output_stride)
  )
  want = receptive_field.receptive_field(strided)
  assert receptive_field.receptive_field(dilated) == want


def test_an_average_over_the_map_sees_the_whole_image():
  model = mobilenet_v3.MobileNetV3(((3, 16, 8, True, False, 2),) * 4)
  assert receptive_field.receptive_field(model) is None


class Odd(nn.Module):
  """One of everything that moves rows."""

  @nn.compact
  def __call__(self, image, *, train):
    del train
    x = layers.Conv(2, 3, 2, name="conv")(image)
    up = ops.resize_nearest(ops.avg_pool(x, 3, 3, padding=1), x.shape[1:3])
    down = jnp.pad(x, ((0, 0), (2, 0), (0, 0), (0, 0)))[:, :-2]
    depthwise = layers.Conv(2, 5, dilation=2, groups=2, name="depthwise")
    return {"c5": jnp.concatenate([up, down + depthwise(x)], axis=-1)}


def test_it_is_what_gradients_reach():
  """The rows with a gradient, for a network with every kind of operation."""
  model = Odd()
  image = jax.random.uniform(jax.random.key(0), (1, 96, 12, 3)) + 1
  variables = model.init(jax.random.key(1), image, train=False)
  variables = jax.tree.map(jnp.ones_like, variables)

  def middle(image):
    return jnp.sum(model.apply(variables, image, train=False)["c5"][:, 24])

  rows = np.flatnonzero(np.abs(jax.grad(middle)(image)).sum((0, 2, 3)))
  assert receptive_field.receptive_field(model) == rows[-1] - rows[0] + 1
