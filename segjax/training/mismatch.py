"""Whether a checkpoint is of this model and this optimiser."""

from typing import Any

import jax


class MismatchError(ValueError):
  """The checkpoint is of another model or of another optimiser."""


def check(saved: Any, wanted: Any, where: str) -> None:
  """Compares the leaves' paths and shapes.

  Raises:
    MismatchError: names the checkpoint, `where`, and the first differences.
  """
  saved, wanted = _shapes(saved), _shapes(wanted)
  differences = [
      f"{path}: saved {saved.get(path, 'not')}, wanted"
      f" {wanted.get(path, 'not')}"
      for path in sorted(saved.keys() | wanted.keys())
      if saved.get(path) != wanted.get(path)
  ]
  if differences:
    more = len(differences) - 3
    raise MismatchError(
        f"{where} is of another model or optimizer: "
        + "; ".join(differences[:3])
        + (f"; and {more} more" if more > 0 else "")
    )


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
  return {
      jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape)
      for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }
