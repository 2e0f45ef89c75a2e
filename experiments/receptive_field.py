"""How many rows of an image one feature depends on, from the program itself.

The program that JAX traces is walked once, with the first and the last image
row behind every row of every array in the place of numbers. Nothing is
computed, so that the answer is exact for any graph of these operations, and
independent of the weights.
"""

import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Int
import numpy as np

Rows = Int[np.ndarray, "h 2"]
"""First and last image row behind each row; (NOWHERE, -1) is none."""

NOWHERE = 2**40
_SIZES = (512, 2048, 8192)
_WIDTH = 96


def receptive_field(model: nn.Module, feature: str = "c5") -> int | None:
  """Image rows that a feature in the middle of a large image depends on.

  What max pools and activations let through is not asked, only what they could
  (Araujo et al. 2019, doi:10.23915/distill.00021).

  Args:
    model: a backbone.
    feature: key of the feature map.

  Returns:
    the rows; None where it is the whole image, however large.
  """
  for size in _SIZES:
    rows = _rows(model, feature, size)
    first, last = rows[len(rows) // 2]
    if first > 0 and last < size - 1:
      return int(last - first + 1)
  return None


def _rows(model, feature, size) -> Rows:
  image = jax.ShapeDtypeStruct((1, size, _WIDTH, 3), jnp.float32)
  init = functools.partial(model.init, train=False)
  variables = jax.eval_shape(init, jax.random.key(0), image)

  def forward(image, variables):
    return model.apply(variables, image, train=False)[feature]

  program = jax.make_jaxpr(forward)(image, variables).jaxpr
  every = np.stack([np.arange(size)] * 2, axis=1)
  inputs = [every] + [None] * (len(program.invars) - 1)
  (rows,) = _walk(program, inputs)
  return rows


def _walk(program, inputs):
  """The rows behind the results of a program, given those of its inputs."""
  known = dict(zip(program.invars, inputs))
  for step in program.eqns:
    operands = [
        None if hasattr(v, "val") else known.get(v) for v in step.invars
    ]
    name = step.primitive.name
    inner = step.params.get("jaxpr", step.params.get("call_jaxpr"))
    if all(rows is None for rows in operands):
      results = [None] * len(step.outvars)
    elif inner is not None:
      results = _walk(getattr(inner, "jaxpr", inner), operands)
    else:
      rows = _RULES.get(name, _union)(step, operands)
      shape = step.outvars[0].aval.shape
      if len(shape) == 4 and len(rows) != shape[1]:
        raise NotImplementedError(f"{name} changes the height in its own way")
      results = [rows]
    known.update(zip(step.outvars, results))
  return [known.get(v) for v in program.outvars]


def _nothing(height) -> Rows:
  return np.array([[NOWHERE, -1]] * height).reshape(height, 2)


def _heights(step):
  return [v.aval.shape[1] for v in step.invars if len(v.aval.shape) == 4]


def _union(step, operands) -> Rows:
  """Row by row; a single row stands for all."""
  del step
  there = [rows for rows in operands if rows is not None]
  there = np.broadcast_arrays(*there)
  first = np.min([rows[:, 0] for rows in there], axis=0)
  last = np.max([rows[:, 1] for rows in there], axis=0)
  return np.stack([first, last], axis=1)


def _window(rows, out, size, stride, before, dilation) -> Rows:
  """Behind `out` positions of a window of `size`, beginning at -before."""
  result = _nothing(out)
  for tap in range(size):
    at = np.arange(out) * stride - before + tap * dilation
    inside = (at >= 0) & (at < len(rows))
    taken = _nothing(out)
    taken[inside] = rows[at[inside]]
    result = _union(None, [result, taken])
  return result


def _conv(step, operands) -> Rows:
  params, kernel = step.params, step.invars[1].aval
  spec = params["dimension_numbers"]
  assert spec.lhs_spec[2] == 1
  assert params["lhs_dilation"][0] == 1
  return _window(
      operands[0],
      step.outvars[0].aval.shape[1],
      kernel.shape[spec.rhs_spec[2]],
      params["window_strides"][0],
      params["padding"][0][0],
      params["rhs_dilation"][0],
  )


def _pool(step, operands) -> Rows:
  params = step.params
  return _window(
      operands[0],
      step.outvars[0].aval.shape[1],
      params["window_dimensions"][1],
      params["window_strides"][1],
      params["padding"][1][0],
      params["window_dilation"][1],
  )


def _pad(step, operands) -> Rows:
  before, after, between = step.params["padding_config"][1]
  assert between == 0
  assert min(before, after) >= 0
  return np.concatenate([_nothing(before), operands[0], _nothing(after)])


def _slice(step, operands) -> Rows:
  params = step.params
  stride = params["strides"][1] if params["strides"] else 1
  return operands[0][
      params["start_indices"][1] : params["limit_indices"][1] : stride
  ]


def _concatenate(step, operands) -> Rows:
  if step.params["dimension"] != 1:
    return _union(step, operands)
  return np.concatenate(
      [
          _nothing(height) if rows is None else rows
          for rows, height in zip(operands, _heights(step))
      ]
  )


def _gather(step, operands) -> Rows:
  """Of `ops.resize_nearest`, one axis at a time."""
  if step.params["dimension_numbers"].collapsed_slice_dims != (1,):
    return operands[0]
  height, out = len(operands[0]), step.outvars[0].aval.shape[1]
  return operands[0][np.arange(out) * height // out]


def _reduce(step, operands) -> Rows:
  if 1 not in step.params["axes"]:
    return operands[0]
  first, last = operands[0][:, 0].min(), operands[0][:, 1].max()
  return np.array([[first, last]])


_RULES = {
    "concatenate": _concatenate,
    "conv_general_dilated": _conv,
    "gather": _gather,
    "pad": _pad,
    "reduce_sum": _reduce,
    "reduce_window_max": _pool,
    "reduce_window_sum": _pool,
    "slice": _slice,
}
