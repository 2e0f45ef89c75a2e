"""A network can be evaluated at another output stride."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import protocols
from segjax.backbones import resnet
from segjax.models import deeplab_v3, unet
from tests import variables as draws


def network(**options):
  backbone = resnet.ResNet((1, 1, 1, 1), width=4, output_stride=16)
  return deeplab_v3.DeepLabV3(3, backbone, features=4, **options)


def test_at_output_stride_8_the_rates_double_and_weights_fit():
  model = network(rates=(6, 12, 18))
  dense = protocols.at_output_stride(model, 8)
  assert dense.backbone.output_stride == 8
  assert dense.rates == (12, 24, 36)
  image = jnp.asarray(np.random.default_rng(0).normal(size=(1, 65, 65, 3)))
  variables = draws.draw(model, image)
  shapes = jax.tree.map(jnp.shape, variables)
  assert shapes == jax.tree.map(jnp.shape, draws.shapes(dense, image))
  coarse, fine = (
      draws.forward(m, variables, image)["logits"] for m in (model, dense)
  )
  assert fine.shape == coarse.shape
  assert not np.allclose(fine, coarse)


def test_the_same_or_no_output_stride_leaves_the_network():
  model = network()
  assert protocols.at_output_stride(model, None) is model
  assert protocols.at_output_stride(model, 16) is model


def test_what_cannot_be_evaluated_so_says_why():
  with pytest.raises(ValueError, match="UNet has no backbone with"):
    protocols.at_output_stride(unet.UNet(3), 8)
  with pytest.raises(ValueError, match=r"rates \(3,\) of output stride 16"):
    protocols.at_output_stride(network(rates=(3,)), 32)
