"""Traces in which what PyTorch has as one operation is one operation."""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import functools
import inspect
import sys
from typing import Any

from flax import linen as nn
import jax
from jax.extend import core

from experiments import torch_ops
from segjax import layers, ops
from segjax.layers.conv import same_padding

WHOLE = {
    "conv": ops.conv,
    "conv_transpose": ops.conv_transpose,
    "max_pool": ops.max_pool,
    "avg_pool": ops.avg_pool,
    "adaptive_avg_pool": ops.adaptive_avg_pool,
    "resize_bilinear": ops.resize_bilinear,
    "resize_nearest": ops.resize_nearest,
    "batch_norm": lambda x, *_, epsilon: x,
    "bias": lambda x, *_: x,
}
"""What stays one operation in the trace, by its name in `torch_ops.WHOLE`."""

PRIMITIVE = "segjax"
"""What such an operation is called in the trace."""

_MODULES = layers.BatchNorm, layers.Bias, layers.Conv

_whole = core.Primitive(PRIMITIVE)


@_whole.def_abstract_eval
def _abstract(*inputs, name, options):
  function = functools.partial(WHOLE[name], **dict(options))
  y = jax.eval_shape(function, *inputs[: 2 if name in torch_ops.KERNELS else 1])
  return jax.core.ShapedArray(y.shape, y.dtype)


def _bind(name: str, *arrays: jax.Array, **options: Any) -> jax.Array:
  plain = {
      k: tuple(map(int, v)) if isinstance(v, Sequence) else v
      for k, v in options.items()
  }
  return _whole.bind(*arrays, name=name, options=tuple(plain.items()))


def _marked(name: str) -> Callable[..., jax.Array]:
  """Our function as one operation of the trace."""
  signature = inspect.signature(WHOLE[name])

  def call(*arguments, **options):
    bound = signature.bind(*arguments, **options)
    bound.apply_defaults()
    values = bound.arguments
    arrays = [values.pop(k) for k in ("x", "kernel") if k in values]
    return _bind(name, *arrays, **values)

  return call


def _intercept(next_call, arguments, keywords, context):
  """Convolutions with their bias, and BatchNorm with all it has.

  Of a folded one (`layers.fold`) it has a bias, or nothing.
  """
  module = context.module
  if context.method_name == "__call__" and type(module) in _MODULES:
    (x,) = arguments
    weights = module.variables.get("params", {})
    if type(module) is layers.Conv:
      return _conv(next_call, module, weights, x)
    if "scale" in weights:
      kept = module.variables["batch_stats"]
      values = weights["scale"], weights["bias"], kept["mean"], kept["var"]
      return _bind("batch_norm", x, *values, epsilon=module.epsilon)
    if "bias" in weights:
      return _bind("bias", x, weights["bias"])
  return next_call(*arguments, **keywords)


def _conv(next_call, module, weights, x):
  """A convolution, as one operation with its bias."""
  if not module.use_bias:
    return next_call(x)
  padding = module.padding
  if padding is None:
    padding = same_padding(module.kernel_size, module.dilation)
  return _bind(
      "conv",
      x,
      weights["kernel"],
      weights["bias"],
      stride=module.stride,
      padding=padding,
      dilation=module.dilation,
      groups=module.groups,
  )


@contextlib.contextmanager
def marks() -> Iterator[None]:
  """Puts the marked functions in the place of ours, wherever they are named."""
  marked = {ours: _marked(name) for name, ours in WHOLE.items()}
  changed = []
  for module_name, module in list(sys.modules.items()):
    if module_name.startswith("segjax.") and module is not None:
      dictionaries = [v for v in vars(module).values() if type(v) is dict]
      for table in [vars(module), *dictionaries]:
        for key, value in list(table.items()):
          if inspect.isfunction(value) and value in marked:
            changed.append((table, key, value))
            table[key] = marked[value]
  try:
    with nn.intercept_methods(_intercept):
      yield
  finally:
    for table, key, value in changed:
      table[key] = value
