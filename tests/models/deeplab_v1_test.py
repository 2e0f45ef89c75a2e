"""DeepLab: the sizes of Table 2, its holes, and where its features stand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.models import deeplab_v1
from tests import variables as draws


def params_of(model):
  image = jax.ShapeDtypeStruct((1, 65, 65, 3), jnp.float32)
  return draws.shapes(model, image)["params"]


@pytest.mark.parametrize(
    "kernel_size, rate, features, millions",
    ((7, 4, 4096, 134.3), (4, 4, 4096, 65.1), (4, 8, 4096, 65.1),
     (3, 12, 1024, 20.5)),
)  # fmt: skip
def test_parameters_are_those_of_table_2(kernel_size, rate, features, millions):
  model = deeplab_v1.DeepLabV1(
      21, kernel_size=kernel_size, rate=rate, features=features
  )
  leaves = jax.tree.leaves(params_of(model))
  assert round(sum(x.size for x in leaves) / 1e6, 1) == millions


def test_multi_scale_prediction_adds_640_channels():
  """Sec. 4.3: 5 * 128 more in front of the classifier."""
  model = deeplab_v1.DeepLabV1(21, multi_scale=True)
  params = params_of(model)
  assert params["classifier"]["kernel"].shape == (1, 1, 1024 + 640, 21)
  assert params["image_conv1"]["kernel"].shape == (3, 3, 3, 128)
  assert params["pool4_conv2"]["kernel"].shape == (1, 1, 128, 128)


@pytest.mark.parametrize("size", ((17, 25), (16, 31), (3, 1)))
def test_feature_i_stands_on_pixel_8_i(size):
  """Caffe's Interp, cut off at the image's edge."""
  grid = tuple(-(-(n - 1) // 8) + 1 for n in size)
  x = np.random.default_rng(0).standard_normal((1, *grid, 2))
  y = deeplab_v1.zoom(jnp.asarray(x, jnp.float32), size)
  assert y.shape == (1, *size, 2)
  on_grid = np.asarray(y[:, ::8, ::8])
  height, width = on_grid.shape[1:3]
  np.testing.assert_allclose(on_grid, x[:, :height, :width], atol=1e-5)


def test_a_map_that_ends_too_early_repeats_its_edge():
  x = jnp.arange(2.0).reshape(1, 2, 1, 1)
  y = deeplab_v1.zoom(x, (20, 1))[0, :, 0, 0]
  np.testing.assert_allclose(y[:9], np.arange(9) / 8, atol=1e-6)
  np.testing.assert_allclose(y[9:], 1.0)


def test_the_hole_algorithm_dilates_what_follows_the_skipped_strides():
  """Sec. 3.1: conv5 by 2; fc6 by its input stride, in features of stride 8."""
  rates = draws.dilations(deeplab_v1.DeepLabV1(21), (65, 65))
  assert {name: rate for name, rate in rates.items() if rate > 1} == {
      "backbone/conv5_1/conv": 2,
      "backbone/conv5_2/conv": 2,
      "backbone/conv5_3/conv": 2,
      "fc6": 12,
  }
