"""Applies a rename table to a checkpoint, strictly in both directions."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import re

from flax import linen as nn
from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from segjax import types

Transform = Callable[[np.ndarray], np.ndarray]

Row = tuple[str, str | None] | tuple[str, str | None, Transform]
"""(pattern, replacement) or (pattern, replacement, transform).

`pattern` must match the whole name of a module, which is a tensor's name
without its last part (`layer1.0.conv1` of `layer1.0.conv1.weight`);
`replacement` is the path of our module (`re.Match.expand`), or None where our
model has no such module and its tensors are dropped. `transform` changes a
kernel, still in its source's layout (out, in, height, width). The first row
that matches counts.
"""

_LEAVES = {
    # name of a tensor, its rank -> our collection and leaf
    ("weight", 4): ("params", "kernel"),
    ("weight", 2): ("params", "kernel"),
    ("weight", 1): ("params", "scale"),
    ("bias", 1): ("params", "bias"),
    ("running_mean", 1): ("batch_stats", "mean"),
    ("running_var", 1): ("batch_stats", "var"),
}

_AXES = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}
"""Rank -> the axes of a PyTorch tensor in our order: OIHW becomes HWIO."""

_SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Source:
  """Where a checkpoint comes from: its network, and what it calls the parts.

  Attributes:
    build: makes our model from the number of classes; a backbone ignores it.
    table: the rename table.
    classes: the tensor whose first axis is the classes; None for a backbone.
    first: the kernel of the first convolution, whose second axis is the
      channels of the image.
    size: side of an image, in pixels, that the model accepts.
  """

  build: Callable[[int], nn.Module]
  table: Sequence[Row]
  classes: str | None
  first: str
  size: int = 64


def transposed(kernel: np.ndarray) -> np.ndarray:
  """The transform for a transposed convolution, which PyTorch stores IOHW."""
  return kernel.swapaxes(0, 1)


def roll_inputs(shift: int) -> Transform:
  """The transform for another order of concatenation: inputs move by `shift`.

  Where a source concatenates [a, b] and we [b, a], the channels of `a` are the
  negative shift.
  """
  return functools.partial(np.roll, shift=shift, axis=1)


def structure(source: Source, classes: int, channels: int = 3):
  """The model, and its variables as `jax.ShapeDtypeStruct`, without compute."""
  model = source.build(classes)
  image = jax.ShapeDtypeStruct(
      (1, source.size, source.size, channels), jnp.float32
  )
  init = functools.partial(model.init, train=False)
  return model, jax.eval_shape(init, jax.random.key(0), image)


def convert(
    source: Source, tensors: Mapping[str, np.ndarray]
) -> tuple[nn.Module, types.Variables]:
  """The source's model, and the tensors as its variables in float32.

  Raises:
    ValueError: a tensor is left over, a leaf is missing, or their shapes
      differ. All of them are listed.
  """
  for name in filter(None, (source.classes, source.first)):
    if name not in tensors:
      raise ValueError(
          f"the checkpoint has no tensor {name!r}; it begins with"
          f" {_some(tensors)}"
      )
  classes = tensors[source.classes].shape[0] if source.classes else 0
  model, want = structure(source, classes, tensors[source.first].shape[1])
  want = traverse_util.flatten_dict(dict(want), sep="/")
  got, origin, unused, twice = {}, {}, [], []
  for name, tensor in tensors.items():
    path, transform, dropped = _rename(source.table, name, tensor.ndim)
    if dropped:
      continue
    if path not in want:
      unused.append(f"{name} {tensor.shape}")
    elif path in got:
      twice.append(f"{name} and {origin[path]} are both {path}")
    else:
      if transform is not None and tensor.ndim == 4:
        tensor = transform(tensor)
      got[path] = tensor.transpose(_AXES[tensor.ndim])
      origin[path] = name
  missing = [f"{p} {s.shape}" for p, s in want.items() if p not in got]
  shapes = [
      f"{origin[path]} gives {path} {got[path].shape}, we have {s.shape}"
      for path, s in want.items()
      if path in got and got[path].shape != s.shape
  ]
  problems = [
      f"{len(found)} {what}: {_some(found)}"
      for what, found in (
          ("tensors of the checkpoint have no place in the model", unused),
          ("leaves of the model have no tensor", missing),
          ("leaves have two tensors", twice),
          ("tensors have another shape", shapes),
      )
      if found
  ]
  if problems:
    raise ValueError("the checkpoint does not fit: " + "; ".join(problems))
  leaves = {path: np.ascontiguousarray(got[path], np.float32) for path in want}
  return model, traverse_util.unflatten_dict(leaves, sep="/")


def dropped(source: Source, tensors: Mapping[str, np.ndarray]) -> list[str]:
  """The tensors that the table leaves out, such as a classifier's."""
  return [
      name
      for name, tensor in tensors.items()
      if _rename(source.table, name, tensor.ndim)[2]
      and not name.endswith("num_batches_tracked")
  ]


def _rename(table, name, rank):
  """Our path for a tensor, the kernel's transform, and whether to drop it."""
  module, _, leaf = name.rpartition(".")
  if leaf == "num_batches_tracked":
    return None, None, True
  for pattern, replacement, *transform in table:
    match = re.fullmatch(pattern, module or leaf)
    if match is None:
      continue
    if replacement is None:
      return None, None, True
    if (leaf, rank) not in _LEAVES:
      break
    collection, ours = _LEAVES[leaf, rank]
    path = "/".join((collection, match.expand(replacement), ours))
    return path, (transform or (None,))[0], False
  return None, None, False


def _some(names) -> str:
  names = list(names)
  more = len(names) - _SHOWN
  return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
