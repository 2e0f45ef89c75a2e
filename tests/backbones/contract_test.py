"""What every backbone promises, whatever its paper."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import (
    alexnet,
    densenet,
    drn,
    googlenet,
    hrnet,
    mobilenet,
    mobilenet_v3,
    nasnet,
    resnet,
    vgg,
    xception,
    xception39,
)
from tests import variables as draws

BOTTLENECKS = (
    (3, 8, 8, False, False, 1),
    (3, 16, 8, False, False, 2),
    (5, 16, 8, False, True, 2),
    (5, 24, 8, False, True, 2),
    (3, 24, 8, False, True, 1),
    (5, 32, 8, False, True, 2),
    (5, 32, 8, False, True, 1),
)
"""MobileNetV3's, without squeeze-and-excite, which averages over the map."""

DILATING = {
    "DRN-C": functools.partial(
        drn.DRN, (1, 1, 1, 2, 1, 1, 1, 1), width=2, arch="C"
    ),
    "DRN-D": functools.partial(
        drn.DRN, (1, 1, 1, 2, 1, 1, 1, 1), True, width=2
    ),
    "DenseNet": functools.partial(densenet.DenseNet, (1, 2, 2, 2), 4, 4),
    "MobileNetV1": functools.partial(mobilenet.MobileNetV1, width=0.1),
    "MobileNetV2": functools.partial(mobilenet.MobileNetV2, width=0.1),
    "MobileNetV3": functools.partial(mobilenet_v3.MobileNetV3, BOTTLENECKS),
    "ResNet": functools.partial(resnet.ResNet, (1, 1, 2, 2), width=4),
    "Xception-aligned": functools.partial(
        xception.AlignedXception, ((4, 2), (4, 2), (8, 2)), 1
    ),
}
"""Tiny networks that take an `output_stride`."""

STRIDED = {
    "AlexNet": alexnet.AlexNet(),
    "GoogLeNet": googlenet.GoogLeNet(renormalize=True),
    "HRNet": hrnet.HRNet(2, (1, 1, 1), 1, 1),
    "NASNet-A": nasnet.NASNet(1, 96, 4),
    "VGG": vgg.VGG((1,) * 5, width=2),
    "Xception": xception.Xception(1),
    "Xception39": xception39.Xception39((1, 1, 1)),
}
"""Networks that have their strides and no others."""

NETS = STRIDED | {name: make() for name, make in DILATING.items()}

UNPADDED = ("AlexNet", "NASNet-A", "Xception")
"""Their maps are a little smaller than the image over the stride."""

DEPTHWISE = ("MobileNetV1", "MobileNetV2", "MobileNetV3", "NASNet-A",
             "Xception", "Xception-aligned")  # fmt: skip

IMAGE = jax.random.normal(jax.random.key(0), (1, 96, 64, 3))


def strides(name):
  """Every legal output stride."""
  return (4, 8) if name.startswith("DRN") else (4, 8, 16, 32)


@functools.cache
def features(model, size=(64, 96), train=False, dtype=jnp.float32):
  """The feature maps' shapes, the updated statistics' and the variables'."""
  image = jax.ShapeDtypeStruct((2, *size, 3), dtype)
  variables = draws.shapes(model, image)
  found, updates = jax.eval_shape(
      functools.partial(model.apply, train=train, mutable=["batch_stats"]),
      variables,
      image,
  )
  return found, updates, variables


@pytest.mark.parametrize("name", [n for n in NETS if n not in UNPADDED])
def test_feature_i_has_stride_2_to_the_i(name):
  """Exactly, where the image is a multiple of 32."""
  found, *_ = features(NETS[name])
  coarsest = getattr(NETS[name], "output_stride", 32)
  for i in range(1, 6):
    stride = min(2**i, coarsest)
    assert found[f"c{i}"].shape[:3] == (2, 64 // stride, 96 // stride)


@pytest.mark.parametrize("name", UNPADDED)
def test_unpadded_networks_lose_pixels_at_the_edge_only(name):
  found, *_ = features(NETS[name], (224, 288))
  for i in range(2, 6):
    height, width = found[f"c{i}"].shape[1:3]
    assert 0 <= 224 / 2**i - height <= 2
    assert 0 <= 288 / 2**i - width <= 2


@pytest.mark.parametrize(
    "name, output_stride",
    [(name, stride) for name in DILATING for stride in strides(name)],
)
def test_dilated_features_have_the_output_stride(name, output_stride):
  model = DILATING[name](output_stride=output_stride)
  found, *_ = features(model)
  for i in range(1, 6):
    stride = min(2**i, output_stride)
    assert found[f"c{i}"].shape[:3] == (2, 64 // stride, 96 // stride)


@pytest.mark.parametrize("name", NETS)
def test_odd_sizes_of_image_work(name):
  found, *_ = features(NETS[name], (66, 97))
  assert all(min(f.shape) > 0 for f in found.values())


@functools.cache
def dense(name):
  """A network at output stride 4: its variables and features."""
  model = DILATING[name](output_stride=4)
  variables = draws.draw(model, IMAGE)
  return variables, draws.forward(model, variables, IMAGE)


@pytest.mark.parametrize(
    "name, output_stride",
    [(name, stride) for name in DILATING for stride in strides(name)[1:]],
)
def test_atrous_features_are_the_dense_ones_subsampled(name, output_stride):
  """A stride moved into dilation must not change what is computed."""
  variables, want = dense(name)
  model = DILATING[name](output_stride=output_stride)
  got = draws.forward(model, variables, IMAGE)
  for i in range(2, 6):
    every = want[f"c{i}"].shape[1] // got[f"c{i}"].shape[1]
    sampled = want[f"c{i}"][:, ::every, ::every]
    assert np.std(sampled) > 1e-4
    np.testing.assert_allclose(
        got[f"c{i}"], sampled, rtol=2e-4, atol=2e-4 * np.std(sampled)
    )


@pytest.mark.parametrize("output_stride", (2, 12, 64))
@pytest.mark.parametrize("name", DILATING)
def test_other_output_strides_are_errors(name, output_stride):
  message = f"output_stride is {output_stride}; possible are"
  with pytest.raises(ValueError, match=message):
    features(DILATING[name](output_stride=output_stride), (64, 64))


@pytest.mark.parametrize("name", NETS)
def test_training_updates_every_statistic_and_keeps_the_keys(name):
  """The same maps when training; no running statistic is left behind."""
  found, _, variables = features(NETS[name])
  trained, updates, _ = features(NETS[name], train=True, dtype=jnp.bfloat16)
  assert {k: f.shape for k, f in found.items()} == (
      {k: f.shape for k, f in trained.items()}
  )
  assert jax.tree.structure(updates.get("batch_stats", {})) == (
      jax.tree.structure(variables.get("batch_stats", {}))
  )


@pytest.mark.parametrize("name", NETS)
def test_half_precision_goes_all_the_way(name):
  """A bfloat16 image gives bfloat16 features: nothing widens in between."""
  found, *_ = features(NETS[name], train=True, dtype=jnp.bfloat16)
  assert {f.dtype for f in found.values()} == {jnp.dtype(jnp.bfloat16)}


@pytest.mark.parametrize("name", DEPTHWISE)
def test_depthwise_convolutions_stay_off_the_cliff(name):
  """On a CPU none is a grouped convolution, which XLA runs very slowly."""
  if jax.default_backend() != "cpu":
    pytest.skip("the choice is the CPU's")
  model = NETS[name]
  variables = draws.shapes(model, IMAGE)
  program = jax.make_jaxpr(functools.partial(model.apply, train=False))
  text = str(program(variables, IMAGE))
  assert "feature_group_count=1" in text
  assert text.count("feature_group_count=") == text.count(
      "feature_group_count=1\n"
  )
