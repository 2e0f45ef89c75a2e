"""PyTorch's counterparts of the operations in our traces."""

from collections.abc import Callable, Mapping
import functools
import operator
import string
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

ACTIVATIONS = {
    # name in the trace -> PyTorch's function, which may work in place
    "relu": F.relu,
    "relu6": F.relu6,
    "silu": F.silu,
    "hard_silu": F.hardswish,
    "hard_sigmoid": F.hardsigmoid,
}

OVERWRITING = {"relu", "relu6"}
"""Activations that do without their input in the backward pass."""

VIEWS = {
    "broadcast_in_dim",
    "convert_element_type",
    "copy",
    "expand_dims",
    "reshape",
    "slice",
    "squeeze",
    "stop_gradient",
    "transpose",
}
"""What may share its memory with its input."""

_PLAIN = {
    "abs": torch.abs,
    "add": operator.add,
    "add_any": operator.add,
    "copy": lambda x: x,
    "div": operator.truediv,
    "eq": operator.eq,
    "erf": torch.erf,
    "exp": torch.exp,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "log": torch.log,
    "log1p": torch.log1p,
    "logistic": torch.sigmoid,
    "lt": operator.lt,
    "mul": operator.mul,
    "ne": operator.ne,
    "neg": operator.neg,
    "pow": operator.pow,
    "rsqrt": torch.rsqrt,
    "select_n": lambda which, no, yes: torch.where(which, yes, no),
    "sqrt": torch.sqrt,
    "square": torch.square,
    "stop_gradient": lambda x: x.detach(),
    "sub": operator.sub,
    "tanh": torch.tanh,
}


def translate(
    name: str, params: Mapping[str, Any], equation: Any
) -> Callable[..., torch.Tensor]:
  """The function of tensors (and numbers) that a primitive is.

  Raises:
    NotImplementedError: it is none of those that we have translated.
  """
  if name in _PLAIN:
    return _PLAIN[name]
  if name in _MADE:
    return _MADE[name](params, equation)
  raise NotImplementedError(
      f"the network has the operation {name!r}, for which"
      " experiments/torch_ops.py has no counterpart in PyTorch"
  )


def _extremum(of_tensors, of_number):
  def call(x, y):
    if not isinstance(x, torch.Tensor):
      x, y = y, x
    if not isinstance(y, torch.Tensor):
      return of_number(x, y)
    return of_tensors(x, y)

  return lambda params, equation: call


def _broadcast(params, equation):
  shape, axes = params["shape"], params["broadcast_dimensions"]
  (old,) = (v.aval.shape for v in equation.invars)
  middle = [1] * len(shape)
  for axis, size in zip(axes, old):
    middle[axis] = size

  def call(x):
    return torch.as_tensor(x).reshape(middle).expand(shape)

  return call


def _slice(params, equation):
  strides = params["strides"] or (1,) * len(params["start_indices"])
  index = tuple(
      slice(*triple)
      for triple in zip(
          params["start_indices"], params["limit_indices"], strides
      )
  )
  return lambda x: x[index]  # torch.compile cannot read operator.itemgetter.


def _pad(params, equation):
  if any(inside for _, _, inside in params["padding_config"]):
    raise NotImplementedError("padding between elements is not translated")
  pads = [int(n) for low, high, _ in reversed(params["padding_config"])
          for n in (low, high)]  # fmt: skip
  return lambda x, value: F.pad(x, pads, value=float(value))


def _dot(params, equation):
  (left, right), (left_batch, right_batch) = params["dimension_numbers"]
  ranks = [len(v.aval.shape) for v in equation.invars]
  letters = iter(string.ascii_letters)
  a = [next(letters) for _ in range(ranks[0])]
  b = [next(letters) for _ in range(ranks[1])]
  for i, j in (*zip(left, right), *zip(left_batch, right_batch)):
    b[j] = a[i]
  batch = [a[i] for i in left_batch]
  free = [x for i, x in enumerate(a) if i not in (*left, *left_batch)]
  free += [x for i, x in enumerate(b) if i not in (*right, *right_batch)]
  formula = f"{''.join(a)},{''.join(b)}->{''.join(batch + free)}"
  return functools.partial(torch.einsum, formula)


def _reduce(function):
  return lambda params, equation: functools.partial(
      function, dim=tuple(params["axes"])
  )


def _convert(params, equation):
  kind = getattr(torch, str(params["new_dtype"]))

  def call(x):
    return x.to(kind) if isinstance(x, torch.Tensor) else x

  return call


_MADE = {
    "broadcast_in_dim": _broadcast,
    "concatenate": lambda params, _: lambda *xs: torch.cat(
        xs, params["dimension"]
    ),
    "convert_element_type": _convert,
    "dot_general": _dot,
    "integer_pow": lambda params, _: lambda x: x ** params["y"],
    "max": _extremum(torch.maximum, torch.clamp_min),
    "min": _extremum(torch.minimum, torch.clamp_max),
    "pad": _pad,
    "reduce_max": _reduce(torch.amax),
    "reduce_sum": _reduce(torch.sum),
    "reshape": lambda params, _: lambda x: x.reshape(params["new_sizes"]),
    "rev": lambda params, _: lambda x: x.flip(params["dimensions"]),
    "slice": _slice,
    "squeeze": lambda params, _: lambda x: x.squeeze(params["dimensions"]),
    "transpose": lambda params, _: lambda x: x.permute(params["permutation"]),
}
