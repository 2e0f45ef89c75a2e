"""PyTorch's counterparts of our operations, all on (n, h, w, c) tensors."""

from collections.abc import Callable, Mapping
import functools
import operator
import string
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812


def _nchw(x: torch.Tensor) -> torch.Tensor:
  """A view: what lies as NHWC is channels_last to PyTorch."""
  return x.permute(0, 3, 1, 2)


def _on_maps(function: Callable[..., torch.Tensor]) -> Callable:
  """A function of NCHW maps as one of NHWC maps."""

  def call(x, *arguments, **options):
    y = function(_nchw(x), *arguments, **options)
    return y.permute(0, 2, 3, 1)

  return call


def _conv(x, kernel, bias=None, *, stride, padding, dilation, groups):
  return F.conv2d(x, kernel, bias, stride, padding, dilation, groups)


def _conv_transpose(
    x, kernel, bias=None, *, stride, padding, output_padding, groups
):
  return F.conv_transpose2d(
      x, kernel, bias, stride, padding, output_padding, groups
  )


def _batch_norm(x, scale, bias, mean, var, *, epsilon):
  return F.batch_norm(x, mean, var, scale, bias, eps=epsilon)


def _avg_pool(x, window, stride, *, padding, ceil_mode, count_include_pad):
  stride = window if stride is None else stride
  return F.avg_pool2d(x, window, stride, padding, ceil_mode, count_include_pad)


def _max_pool(x, window, stride, *, padding, ceil_mode):
  stride = window if stride is None else stride
  return F.max_pool2d(x, window, stride, padding, 1, ceil_mode)


def _resize_bilinear(x, size, *, align_corners, factor):
  if factor is not None:
    return F.interpolate(x, scale_factor=factor, mode="bilinear")
  return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)


def _channels_last(*axes):
  return lambda kernel: kernel.permute(axes).contiguous(
      memory_format=torch.channels_last
  )


WHOLE = {
    "conv": _on_maps(_conv),
    "conv_transpose": _on_maps(_conv_transpose),
    "max_pool": _on_maps(_max_pool),
    "avg_pool": _on_maps(_avg_pool),
    "adaptive_avg_pool": _on_maps(
        lambda x, size: F.adaptive_avg_pool2d(x, size)
    ),
    "resize_bilinear": _on_maps(_resize_bilinear),
    "resize_nearest": _on_maps(lambda x, size: F.interpolate(x, size)),
    "batch_norm": _on_maps(_batch_norm),
    "bias": torch.add,
}
"""What `torch_peer` keeps as one operation, called as ours are."""

KERNELS = {
    "conv": _channels_last(3, 2, 0, 1),
    "conv_transpose": _channels_last(2, 3, 0, 1),
}
"""Our kernels as PyTorch has them."""

ACTIVATIONS = {
    # name in the trace -> PyTorch's function, which may work in place
    "relu": F.relu,
    "relu6": F.relu6,
    "silu": F.silu,
    "hard_silu": F.hardswish,
    "hard_sigmoid": F.hardsigmoid,
}

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
    "logistic": torch.sigmoid,
    "lt": operator.lt,
    "mul": operator.mul,
    "neg": operator.neg,
    "pow": operator.pow,
    "rsqrt": torch.rsqrt,
    "select_n": lambda which, no, yes: torch.where(which, yes, no),
    "sqrt": torch.sqrt,
    "square": torch.square,
    "stop_gradient": lambda x: x,
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
  return operator.itemgetter(index)


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
