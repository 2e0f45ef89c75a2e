"""Continuing maps past their edges."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax.ops import space

MODES = ("edge", "reflect")


def pad(
    x: Float[Array, "n h w c"],
    edges: Sequence[tuple[int, int]],
    mode: str,
) -> Float[Array, "n h2 w2 c"]:
  """Adds rows and columns to a map, as `jnp.pad` does.

  Args:
    x: maps.
    edges: how many rows come before and after, and how many columns.
    mode: "edge" repeats the last, "reflect" mirrors without repeating it.

  Raises:
    ValueError: another mode.
  """
  if mode not in MODES:
    raise ValueError(f"mode is {mode!r}; there are {', '.join(MODES)}")
  rows, columns = ((int(before), int(after)) for before, after in edges)
  if any(rows) and space.parts(x) > 1:
    x, rows = space.pad_rows(x, *rows, mode), (0, 0)
  return jnp.pad(x, ((0, 0), rows, columns, (0, 0)), mode=mode)
