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
kernel, still in its source's layout, which is (out, in, height, width) in
PyTorch. The first row that matches counts.
"""


@dataclasses.dataclass(frozen=True)
class Layout:
  """How a framework names and stores its tensors.

  Attributes:
    separator: between a module and its tensor.
    inputs: the axis of a kernel that its input channels are on.
    leaves: (name of a tensor, its rank) -> our collection, our leaf, and the
      tensor's axes in our order, height, width, in, out.
    plain: a stored name -> the module's and the tensor's names in it, where a
      converter has added others.
  """

  separator: str
  inputs: int
  leaves: Mapping[tuple[str, int], tuple[str, str, tuple[int, ...]]]
  plain: Callable[[str], str] = str


TORCH = Layout(
    separator=".",
    inputs=1,
    leaves={
        ("weight", 4): ("params", "kernel", (2, 3, 1, 0)),
        ("weight", 2): ("params", "kernel", (1, 0)),
        ("weight", 1): ("params", "scale", (0,)),
        ("bias", 1): ("params", "bias", (0,)),
        ("running_mean", 1): ("batch_stats", "mean", (0,)),
        ("running_var", 1): ("batch_stats", "var", (0,)),
        # EncNet's encoding layer.
        ("codewords", 2): ("params", "codewords", (1, 0)),
        ("scale", 1): ("params", "scale", (0,)),
    },
)

TENSORFLOW = Layout(
    separator="/",
    inputs=2,
    leaves={
        ("weights", 4): ("params", "kernel", (0, 1, 2, 3)),
        ("depthwise_weights", 4): ("params", "kernel", (0, 1, 3, 2)),
        ("biases", 1): ("params", "bias", (0,)),
        ("gamma", 1): ("params", "scale", (0,)),
        ("beta", 1): ("params", "bias", (0,)),
        ("moving_mean", 1): ("batch_stats", "mean", (0,)),
        ("moving_variance", 1): ("batch_stats", "var", (0,)),
    },
)
"""That of slim."""

_SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Source:
  """Where a checkpoint comes from: its network, and what it calls the parts.

  Attributes:
    build: makes our model from the number of classes; a backbone ignores it.
    table: the rename table.
    classes: the tensor whose first axis is the classes; None for a backbone.
    first: the kernel of the first convolution, whose inputs are the channels of
      the image.
    size: side of an image, in pixels, that the model accepts.
    folded: whether normalisation layers come as scale and shift alone, as in
      Caffe's nets for testing, with the running statistics multiplied in. Ours
      become mean 0 and variance 1; the model's should be frozen, with an
      epsilon of 0.
    layout: how its framework names and stores tensors.
  """

  build: Callable[[int], nn.Module]
  table: Sequence[Row]
  classes: str | None
  first: str
  size: int = 64
  folded: bool = False
  layout: Layout = TORCH


def transposed(kernel: np.ndarray) -> np.ndarray:
  """The transform for a transposed convolution, which PyTorch stores IOHW."""
  return kernel.swapaxes(0, 1)


def roll_inputs(shift: int, layout: Layout = TORCH) -> Transform:
  """The transform for another order of concatenation: inputs move by `shift`.

  Where a source concatenates [a, b] and we [b, a], the channels of `a` are the
  negative shift.
  """
  return functools.partial(np.roll, shift=shift, axis=layout.inputs)


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
  named = {source.layout.plain(name): x for name, x in tensors.items()}
  for name in filter(None, (source.classes, source.first)):
    if name not in named:
      raise ValueError(
          f"the checkpoint has no tensor {name!r}; it begins with"
          f" {_some(tensors)}"
      )
  first = named[source.first]
  if first.ndim != 4 or not first.size:
    raise ValueError(
        f"{source.first!r} should be a kernel of four axes, and is"
        f" {first.shape}"
    )
  if source.classes and not (
      named[source.classes].ndim and named[source.classes].size
  ):
    raise ValueError(f"{source.classes!r} should have an axis of classes")
  classes = named[source.classes].shape[0] if source.classes else 0
  channels = first.shape[source.layout.inputs]
  model, want = structure(source, classes, channels)
  want = traverse_util.flatten_dict(dict(want), sep="/")
  got, origin, unused, twice = {}, {}, [], []
  for name, tensor in tensors.items():
    path, axes, transform, dropped = _rename(source, name, tensor.ndim)
    if dropped:
      continue
    if path not in want:
      unused.append(f"{name} {tensor.shape}")
    elif path in got:
      twice.append(f"{name} and {origin[path]} are both {path}")
    else:
      if transform is not None and tensor.ndim == 4:
        tensor = transform(tensor)
      got[path] = tensor.transpose(axes)
      origin[path] = name
  if source.folded:
    stats = [path for path in want if path.startswith("batch_stats/")]
    if not any(path in got for path in stats):
      for path in stats:
        value = float(path.endswith("/var"))
        got[path] = np.full(want[path].shape, value)
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
      if _rename(source, name, tensor.ndim)[-1]
      and not name.endswith("num_batches_tracked")
  ]


def _rename(source, name, rank):
  """Our path, the axes, the kernel's transform, and whether to drop it."""
  nowhere = None, None, None
  name = source.layout.plain(name)
  module, _, leaf = name.rpartition(source.layout.separator)
  if leaf == "num_batches_tracked":
    return *nowhere, True
  for pattern, replacement, *transform in source.table:
    match = re.fullmatch(pattern, module or leaf)
    if match is None:
      continue
    if replacement is None:
      return *nowhere, True
    if (leaf, rank) not in source.layout.leaves:
      break
    collection, ours, axes = source.layout.leaves[leaf, rank]
    path = "/".join((collection, match.expand(replacement), ours))
    return path, axes, (transform or (None,))[0], False
  return *nowhere, False


def _some(names) -> str:
  names = list(names)
  more = len(names) - _SHOWN
  return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
