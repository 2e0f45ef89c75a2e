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

from segjax import layers, ops
from segjax.layers.conv import same_padding

WHOLE = {
    "conv": ops.conv,
    "conv_transpose": ops.conv_transpose,
    "max_pool": ops.max_pool,
    "avg_pool": ops.avg_pool,
    "adaptive_avg_pool": ops.adaptive_avg_pool,
    "max_pool_with_indices": ops.max_pool_with_indices,
    "max_unpool": ops.max_unpool,
    "resize_bilinear": ops.resize_bilinear,
    "resize_nearest": ops.resize_nearest,
    "local_response_norm": ops.local_response_norm,
    "batch_norm": lambda x, **_: x,
    "bias": lambda x: x,
    "dropout": lambda x, **_: x,
}
"""What stays one operation in the trace, by its name in `torch_layers.WHOLE`."""

PRIMITIVE = "segjax"
"""What such an operation is called in the trace."""

_CONVS = layers.Conv, layers.ConvTranspose
_MODULES = *_CONVS, layers.BatchNorm, layers.Bias, layers.Dropout

_ARRAYS = ("x", "kernel", "y", "indices")
"""Arguments of those functions that are arrays."""

_TWO = {"conv", "conv_transpose", "max_unpool"}
"""Those of two arrays; the result's shape depends on no others."""

_whole = core.Primitive(PRIMITIVE)
_whole.multiple_results = True


@_whole.def_abstract_eval
def _abstract(*inputs, name, options):
  function = functools.partial(WHOLE[name], **dict(options))
  results = jax.eval_shape(function, *inputs[: 2 if name in _TWO else 1])
  return [
      jax.core.ShapedArray(y.shape, y.dtype) for y in jax.tree.leaves(results)
  ]


def _bind(name: str, *arrays: jax.Array, **options: Any) -> Any:
  plain = {
      k: tuple(map(int, v)) if isinstance(v, Sequence) else v
      for k, v in options.items()
  }
  results = _whole.bind(*arrays, name=name, options=tuple(plain.items()))
  return results[0] if len(results) == 1 else tuple(results)


def _marked(name: str) -> Callable[..., Any]:
  """Our function as one operation of the trace."""
  signature = inspect.signature(WHOLE[name])

  def call(*arguments, **options):
    bound = signature.bind(*arguments, **options)
    bound.apply_defaults()
    values = bound.arguments
    arrays = [values.pop(k) for k in _ARRAYS if k in values]
    return _bind(name, *arrays, **values)

  return call


def _intercept(next_call, arguments, keywords, context):
  """Convolutions with their bias, BatchNorm with all it has, dropout.

  Of a folded BatchNorm (`layers.fold`) it has a bias, or nothing.
  """
  module = context.module
  if context.method_name == "__call__" and type(module) in _MODULES:
    (x,) = arguments
    weights = module.variables.get("params", {})
    if type(module) in _CONVS:
      return _conv(next_call, module, weights, x)
    if type(module) is layers.Dropout:
      if not keywords["train"] or not module.rate:
        return x
      return _bind("dropout", x, rate=module.rate, channels=module.channels)
    if "scale" in weights:
      return _batch_norm(module, weights, x, keywords["train"])
    if "bias" in weights:
      return _bind("bias", x, weights["bias"])
  return next_call(*arguments, **keywords)


def _batch_norm(module, weights, x, train):
  """With PyTorch's momentum: None for running statistics, 0 to leave them."""
  kept = module.variables["batch_stats"]
  values = weights["scale"], weights["bias"], kept["mean"], kept["var"]
  momentum = 0.0 if module.batch_statistics else None
  if train and not module.frozen:
    momentum = 1 - module.momentum
  return _bind(
      "batch_norm", x, *values, epsilon=module.epsilon, momentum=momentum
  )


def _conv(next_call, module, weights, x):
  """A convolution, as one operation with its bias."""
  if not module.use_bias:
    return next_call(x)
  options = {
      "stride": module.stride,
      "padding": module.padding,
      "groups": module.groups,
  }
  if type(module) is layers.ConvTranspose:
    name, options["output_padding"] = "conv_transpose", module.output_padding
  else:
    name, options["dilation"] = "conv", module.dilation
    if module.padding is None:
      options["padding"] = same_padding(module.kernel_size, module.dilation)
  return _bind(name, x, weights["kernel"], weights["bias"], **options)


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
