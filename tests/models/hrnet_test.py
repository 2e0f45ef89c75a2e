"""HRNet's heads: what they take of the branches, and their sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.backbones import hrnet as branches
from segjax.models import hrnet
from tests import variables as draws

SMALL_V2 = {"modules": (1, 3, 2), "size": 2, "first_size": 2}


def image_of(*size):
  return jax.ShapeDtypeStruct((1, *size, 3), jnp.float32)


def count(model):
  params = draws.shapes(model, image_of(64, 64))["params"]
  return sum(x.size for x in jax.tree.leaves(params))


@pytest.mark.parametrize(
    "backbone, millions",
    (
        (branches.HRNet(48, fusion="bilinear"), 65.9),
        (branches.HRNet(18, fusion="bilinear", **SMALL_V2), 3.9),
    ),
)
def test_v2_has_the_stated_number_of_parameters(backbone, millions):
  """On Cityscapes, W48 and the authors' W18-Small-v2."""
  assert round(count(hrnet.HRNetV2(19, backbone)) / 1e6, 1) == millions


@pytest.mark.parametrize("width, millions", ((32, 28.5), (48, 63.6)))
def test_v1_has_the_stated_number_of_parameters(width, millions):
  """For the 17 key points of COCO."""
  backbone = branches.HRNet(width, multi_scale=False)
  assert round(count(hrnet.HRNetV1(17, backbone)) / 1e6, 1) == millions


def tiny(**options):
  return branches.HRNet(2, (1, 1, 1), 1, 1, **options)


def test_v1_leaves_out_what_only_feeds_coarser_branches():
  """The finest branch stays the same; the last exchange has no other."""
  image = jax.random.normal(jax.random.key(0), (1, 64, 96, 3))
  every, finest = tiny(), tiny(multi_scale=False)
  variables = draws.draw(every, image)
  fewer = draws.shapes(finest, image)
  assert sorted(fewer["params"]["stage4_0"]["exchange"]) == [
      f"from{i}_to0" for i in (1, 2, 3)
  ]
  kept = jax.tree_util.tree_map_with_path(
      lambda path, _: at(variables, path), fewer
  )
  got = draws.forward(finest, kept, image)
  want = draws.forward(every, variables, image)
  assert sorted(got) == ["branch0", "c1", "c2"]
  np.testing.assert_allclose(got["c2"], want["c2"], rtol=1e-5, atol=1e-6)


def at(tree, path):
  for key in path:
    tree = tree[key.key]
  return tree


@pytest.mark.parametrize("size, same", (((64, 96), True), ((65, 97), False)))
def test_resizing_twice_matters_where_sizes_are_odd(size, same):
  """A factor, then a size, as in mmsegmentation: equal if 32 divides both."""
  image = jax.random.normal(jax.random.key(0), (1, *size, 3))
  once, twice = (tiny(fusion="bilinear", resize_twice=r) for r in (False, True))
  variables = draws.draw(once, image)
  a, b = (draws.forward(m, variables, image)["c2"] for m in (once, twice))
  assert a.shape == b.shape
  assert np.allclose(a, b, atol=1e-4) == same


def test_v2_mixes_all_branches_at_the_size_of_the_finest():
  image = jax.random.normal(jax.random.key(0), (1, 65, 97, 3))
  backbone = tiny()
  features = draws.forward(backbone, draws.draw(backbone, image), image)
  x = hrnet.concatenate(features)
  assert x.shape == (1, 17, 25, 15 * 2)
  np.testing.assert_array_equal(x[..., :2], features["branch0"])


@pytest.mark.parametrize(
    "size, sides",
    (
        ((64, 128), [(16, 32), (8, 16), (4, 8), (2, 4), (1, 2)]),
        ((96, 96), [(24, 24), (12, 12), (6, 6), (3, 3), (1, 1)]),
        ((33, 20), [(9, 5), (4, 2), (2, 1), (1, 1), (1, 1)]),
    ),
)
def test_v2p_is_a_pyramid_that_halves(size, sides):
  model = hrnet.HRNetV2p(features=8, backbone=tiny())
  variables = draws.shapes(model, image_of(64, 64))
  pyramid = jax.eval_shape(
      lambda v, x: model.apply(v, x, train=False), variables, image_of(*size)
  )
  assert list(pyramid) == ["p2", "p3", "p4", "p5", "p6"]
  assert [p.shape for p in pyramid.values()] == [(1, *s, 8) for s in sides]
