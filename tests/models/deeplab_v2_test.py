"""DeepLabv2: its pyramids, and scores of the image at several scales."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import vgg
from segjax.models import deeplab_v2
from tests import variables as draws
from tests.models.tiny import tiny_resnet

SEEN = []
"""Sizes of the images that `Samples` was given."""


class Samples(nn.Module):
  """A backbone of stride 8 without weights."""

  @nn.compact
  def __call__(self, image, *, train):
    del train
    SEEN.append(image.shape[1:3])
    return {"c5": image[:, ::8, ::8]}


@pytest.mark.parametrize(
    "align_corners, sizes",
    (
        # 241 and 161 are the sizes in the authors' nets.
        (True, [(321, 321), (241, 241), (161, 161)]),
        (False, [(321, 321), (240, 240), (160, 160)]),
    ),
)
def test_the_image_is_seen_at_three_scales(align_corners, sizes):
  SEEN.clear()
  model = deeplab_v2.DeepLabV2(2, Samples(), align_corners=align_corners)
  draws.shapes(model, jax.ShapeDtypeStruct((1, 321, 321, 3), jnp.float32))
  assert sizes == SEEN


def test_logits_are_the_largest_scores_of_all_scales():
  """Sec. 4.1.2, on the features' grid."""
  model = deeplab_v2.DeepLabV2(3, tiny_resnet())
  image = np.random.default_rng(0).standard_normal((1, 65, 49, 3))
  image = image.astype(np.float32)
  outputs = draws.forward(model, draws.draw(model, image), image)
  logits = outputs.pop("logits")[:, ::8, ::8]
  scores = np.stack([y[:, ::8, ::8] for y in outputs.values()])
  assert len(scores) == 3
  np.testing.assert_allclose(logits, scores.max(0), rtol=1e-4, atol=1e-4)
  for score in scores:
    assert np.any(score < logits - 1e-3)


def test_all_scales_share_their_weights():
  image = jax.ShapeDtypeStruct((1, 65, 65, 3), jnp.float32)
  many = deeplab_v2.DeepLabV2(21, tiny_resnet())
  single = many.clone(scales=(1.0,))
  assert draws.shapes(many, image) == draws.shapes(single, image)


@pytest.mark.parametrize("rates", (deeplab_v2.ASPP_S, deeplab_v2.ASPP_L))
def test_the_pyramid_of_vgg_has_a_branch_for_each_rate(rates):
  """Fig. 7b: fc6 of rate r, fc7 and fc8 in each of four branches."""
  backbone = vgg.VGG(pool_size=3, ceil_mode=True, output_stride=8)
  model = deeplab_v2.DeepLabV2(
      21, backbone, rates=rates, features=1024, scales=(1.0,)
  )
  got = draws.dilations(model, (65, 65))
  for i, rate in enumerate(rates, start=1):
    assert got[f"aspp/fc6_{i}"] == rate
    assert got[f"aspp/fc7_{i}"] == got[f"aspp/fc8_{i}"] == 1
  assert f"aspp/fc6_{len(rates) + 1}" not in got


def test_the_pyramid_of_resnet_leads_straight_to_the_classes():
  got = draws.dilations(deeplab_v2.DeepLabV2(21, tiny_resnet()), (65, 65))
  assert [got[f"aspp/fc8_{i}"] for i in (1, 2, 3, 4)] == [6, 12, 18, 24]
  assert "aspp/fc6_1" not in got


def test_the_pyramid_is_the_sum_of_its_branches():
  x = np.random.default_rng(0).standard_normal((1, 9, 9, 5)).astype(np.float32)
  pyramid = deeplab_v2.ASPP(3, (1, 2), features=4)
  variables = pyramid.init(jax.random.key(0), x, train=False)
  total = 0
  for i, rate in enumerate((1, 2), start=1):
    branch = {
        name.replace(f"_{i}", "_1"): leaf
        for name, leaf in variables["params"].items()
        if name.endswith(f"_{i}")
    }
    single = deeplab_v2.ASPP(3, (rate,), features=4)
    total += single.apply({"params": branch}, x, train=False)
  got = pyramid.apply(variables, x, train=False)
  np.testing.assert_allclose(got, total, rtol=1e-5, atol=1e-5)


def test_the_first_scale_must_be_the_image_s():
  model = deeplab_v2.DeepLabV2(3, tiny_resnet(), scales=(0.5, 1.0))
  image = jax.ShapeDtypeStruct((1, 33, 33, 3), jnp.float32)
  with pytest.raises(ValueError, match=r"scales must begin with 1.*0\.5"):
    draws.shapes(model, image)
