"""DRN: its two kinds, and what they reject."""

import jax
import jax.numpy as jnp
import pytest

from segjax.backbones import drn
from tests import variables as draws

IMAGE = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)


def convolutions(depth, arch):
  """How many convolutions the longest way through has, by level."""
  bottleneck, sizes = drn.STAGE_SIZES[depth]
  model = drn.DRN(sizes, bottleneck, arch)
  params = draws.shapes(model, IMAGE)["params"]
  paths = jax.tree_util.tree_leaves_with_path(params)
  return sum(
      p[-1].key == "kernel" and "shortcut" not in jax.tree_util.keystr(p)
      for p, _ in paths
  )


@pytest.mark.parametrize(
    "depth, arch",
    ((26, "C"), (42, "C"), (58, "C"), (22, "D"), (38, "D"), (54, "D"),
     (105, "D")),
)  # fmt: skip
def test_depth_counts_convolutions_and_the_classifier(depth, arch):
  assert convolutions(depth, arch) + 1 == depth


@pytest.mark.parametrize(
    "options, message",
    (
        ({"arch": "A"}, "arch is 'A'; possible are 'C' and 'D'"),
        ({"stage_sizes": (1, 1)}, "eight levels"),
        ({"output_stride": 16}, r"16; possible are \(4, 8\)"),
    ),
)
def test_impossible_options_are_errors(options, message):
  with pytest.raises(ValueError, match=message):
    draws.shapes(drn.DRN(**options), IMAGE)
