"""GCN: what its kernels see, and how many numbers that takes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import resnet
from segjax.models import gcn
from tests import variables as draws

IMAGE = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)


@pytest.mark.parametrize(
    "kernel_size, thousands", ((3, 260), (5, 434), (7, 608), (9, 782))
)
def test_a_global_convolution_has_the_weights_of_the_paper(
    kernel_size, thousands
):
  """Table 2: on conv5_x, for 21 classes; biases are not counted."""
  model = gcn.GlobalConv(21, kernel_size)
  x = jax.ShapeDtypeStruct((1, 16, 16, 2048), jnp.float32)
  variables = jax.eval_shape(model.init, jax.random.key(0), x)
  kernels = [x for x in jax.tree.leaves(variables) if x.ndim == 4]
  assert sum(x.size for x in kernels) // 1000 == thousands


def test_a_global_convolution_sees_a_square_without_a_nonlinearity():
  model = gcn.GlobalConv(1, 5)
  x = jnp.zeros((1, 9, 9, 1)).at[0, 4, 4].set(1.0)
  variables = model.init(jax.random.key(0), x)
  y = np.asarray(model.apply(variables, x))[0, ..., 0]
  inside = np.zeros((9, 9), bool)
  inside[2:7, 2:7] = True
  np.testing.assert_array_equal(y != 0, inside)
  np.testing.assert_allclose(model.apply(variables, -x)[0, ..., 0], -y)


def test_a_fresh_decoder_doubles_maps_bilinearly():
  """A ramp stays a ramp, and one class does not touch another."""
  model = gcn.GCN(2, resnet.ResNet((1, 1, 1, 1), width=2), kernel_size=1)
  init = jax.jit(
      functools.partial(model.init, train=False),
      compiler_options={"xla_backend_optimization_level": 0},
  )
  variables = init(jax.random.key(0), jnp.zeros(IMAGE.shape))
  kernel = variables["params"]["up4"]["kernel"]
  assert kernel.shape == (4, 4, 2, 2)
  np.testing.assert_allclose(np.sum(kernel, (0, 1)), 4 * np.eye(2))
  assert {f"up{i}" for i in range(5)} <= set(variables["params"])


def test_bilinear_upsampling_has_no_parameters():
  backbone = resnet.ResNet((1, 1, 1, 1), width=2)
  params = draws.shapes(gcn.GCN(2, backbone, up="bilinear"), IMAGE)["params"]
  refine = {f"refine{i}" for i in (2, 3, 4, 5)}
  refine |= {f"refine_sum{i}" for i in range(5)}
  assert set(params) == refine | {"backbone"} | {
      f"gcn{i}" for i in (2, 3, 4, 5)
  }


@pytest.mark.parametrize(
    "options, message",
    (
        (dict(up="nearest"), "up is 'nearest'"),
        (dict(kernel_size=6), "kernel_size is 6; it must be odd"),
    ),
)
def test_what_does_not_work_is_an_error(options, message):
  model = gcn.GCN(2, resnet.ResNet((1, 1, 1, 1), width=2), **options)
  with pytest.raises(ValueError, match=message):
    draws.shapes(model, IMAGE)


def test_the_blocks_of_resnet_gcn_are_about_as_large_as_bottlenecks():
  count = lambda tree: sum(x.size for x in jax.tree.leaves(tree))
  plain = draws.shapes(resnet.ResNet(), IMAGE)["params"]
  ours = draws.shapes(gcn.ResNetGCN(), IMAGE)["params"]
  for stage in ("layer1", "layer2"):
    assert jax.tree.structure(ours[stage]) == jax.tree.structure(plain[stage])
  for stage in ("layer3", "layer4"):
    ratio = count(ours[stage]["block1"]) / count(plain[stage]["block1"])
    assert 0.8 < ratio < 1.2, stage


def test_resnet_gcn_has_the_strides_of_resnet():
  image = jax.ShapeDtypeStruct((1, 65, 97, 3), jnp.float32)
  both = []
  for model in (gcn.ResNetGCN(), resnet.ResNet()):
    variables = draws.shapes(model, image)
    apply = lambda v, x, model=model: model.apply(v, x, train=False)
    both.append(jax.eval_shape(apply, variables, image))
  assert both[0] == both[1]


def test_resnet_gcn_has_no_atrous_form():
  with pytest.raises(ValueError, match=r"output_stride of 32, not.* 8"):
    draws.shapes(gcn.ResNetGCN(output_stride=8), IMAGE)
