"""HRNet: its branches and how they exchange."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers
from segjax.backbones import hrnet
from tests import variables as draws

IMAGE = jax.random.normal(jax.random.key(0), (1, 64, 96, 3))


def tiny(**options):
  return hrnet.HRNet(2, (1, 1, 1), 1, 1, **options)


def test_the_branches_are_the_pyramid():
  """Table 1: C, 2C, 4C and 8C channels at strides 4 to 32."""
  model = tiny()
  features = draws.forward(model, draws.draw(model, IMAGE), IMAGE)
  for i in range(4):
    branch = features[f"branch{i}"]
    np.testing.assert_array_equal(branch, features[f"c{i + 2}"])
    assert branch.shape == (1, 16 >> i, 24 >> i, 2 << i)


def test_every_branch_sees_every_other():
  """Fig. 3: a change in the coarsest branch reaches the finest one."""
  exchange = hrnet.Exchange()
  branches = [jnp.ones((1, 16 >> i, 16 >> i, 2)) for i in range(3)]
  variables = exchange.init(jax.random.key(0), branches, train=False)
  for source in range(3):
    other = list(branches)
    other[source] = other[source].at[0, 1, 1, 0].add(9.0)
    for i, (a, b) in enumerate(
        zip(
            exchange.apply(variables, branches, train=False),
            exchange.apply(variables, other, train=False),
        )
    ):
      assert np.any(a != b), f"branch {source} does not reach {i}"


def test_fusions_share_their_weights_and_differ():
  variables = draws.draw(tiny(), IMAGE)
  nearest = draws.forward(tiny(), variables, IMAGE)["c2"]
  bilinear = draws.forward(tiny(fusion="bilinear"), variables, IMAGE)["c2"]
  assert nearest.shape == bilinear.shape
  assert np.abs(nearest - bilinear).max() > 1e-2


@pytest.mark.parametrize(
    "options, message",
    (
        ({"fusion": "cubic"}, "fusion is 'cubic'; possible are"),
        ({"modules": (1, 1)}, "stages 2, 3 and 4"),
    ),
)
def test_impossible_options_are_errors(options, message):
  with pytest.raises(ValueError, match=message):
    draws.shapes(hrnet.HRNet(**options), IMAGE)


@pytest.mark.parametrize("factor", (2, 4))
def test_resizing_twice_is_an_upsample_and_a_resize(factor):
  """As mmsegmentation does it, where the finer branch is odd."""
  torch = pytest.importorskip("torch")
  size = (9, 13)
  branches = [jnp.zeros((1, 9 * factor - 1, 13 * factor - 1, 2))]
  branches += [jnp.ones((1, 1, 1, 2))] * (factor // 2 - 1)
  branches.append(jax.random.normal(jax.random.key(0), (1, *size, 2)))
  exchange = hrnet.Exchange(
      "bilinear", resize_twice=True, outputs=1, norm=layers.Identity
  )
  variables = exchange.init(jax.random.key(1), branches, train=False)
  eye = lambda kernel: jnp.eye(2)[None, None] * (kernel.ndim == 4)
  variables = jax.tree.map(eye, variables)
  (got,) = exchange.apply(variables, branches, train=False)
  x = np.moveaxis(np.asarray(branches[-1]), -1, 1).copy()
  want = torch.nn.Upsample(scale_factor=factor, mode="bilinear")(
      torch.from_numpy(x)
  )
  want = torch.nn.functional.interpolate(
      want, size=branches[0].shape[1:3], mode="bilinear"
  )
  want = np.moveaxis(want.numpy(), 1, -1) + (factor // 2 - 1)
  np.testing.assert_allclose(got, np.maximum(want, 0), atol=1e-5)
