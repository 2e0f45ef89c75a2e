"""HRNet: its branches and how they exchange."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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
