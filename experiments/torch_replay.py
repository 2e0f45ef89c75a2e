"""Functions of ours on PyTorch's kernels.

A function of variables and an image is traced once, with its convolutions,
normalisations, pools, resizes and dropout as single operations (`marks`), and
the trace is replayed with PyTorch's own: `conv2d` on channels_last arrays,
`batch_norm` in its fused form, activations and sums in place where nobody reads
their input again.
"""

from collections.abc import Callable, Sequence
import functools
from typing import Any

import jax
from jax.extend import core
import numpy as np
import torch

from experiments import marks, torch_layers, torch_ops, torch_steps
from segjax import types


class Replay:
  """A traced function; `run` computes it.

  Attributes:
    steps: what it does, in order.
    parameters: how many numbers those parameters are that some operation of
      the trace reads.
  """

  def __init__(
      self,
      function: Callable[[types.Variables, jax.Array], types.Outputs],
      variables: types.Variables,
      image: jax.ShapeDtypeStruct,
      *,
      learn: bool = False,
      device: str = "cpu",
      dtype: torch.dtype = torch.float32,
  ):
    """Traces `function(variables, image)`.

    Args:
      function: returns a dict of arrays.
      variables: "params", and perhaps "batch_stats".
      image: shape and type.
      learn: whether parameters ask for a gradient and running statistics
        change; otherwise all variables are constants.
      device: of the tensors.
      dtype: of constant kernels and biases of convolutions; `run` is called
        under autocast if it is not float32.

    Raises:
      NotImplementedError: it has an operation that we have not translated.
    """
    self._learn, self._device, self._dtype = learn, device, dtype
    with marks.marks():
      # A function of its own: JAX remembers the traces of each.
      trace, outputs = jax.make_jaxpr(
          lambda *x: function(*x), return_shape=True
      )(variables, image)
    self._names = sorted(outputs)  # As JAX orders them.
    self._values: list[Any] = []
    self._constant: set[int] = set()
    self.steps: list[torch_steps.Step] = []
    self._made: dict[int, torch_steps.Step] = {}
    paths = jax.tree_util.tree_leaves_with_path(variables)
    leaves = [self._leaf(leaf) for _, leaf in paths]
    self._learned = [
        slot for slot, (path, _) in zip(leaves, paths) if _is_param(path)
    ]
    self.parameters = _count(paths, trace.jaxpr)
    self._image = self._new()
    self._outputs = self._inline(
        trace.jaxpr, trace.consts, [*leaves, self._image]
    )
    self.steps = torch_steps.needed(self.steps, self._outputs)
    self._layouts: dict[int, torch_layers.Layout] = {}
    kept = {*self._outputs, *self._constant, *leaves, self._image}
    if learn:
      self._keep_layouts()
      self.steps = torch_steps.overwrite_while_learning(self.steps, kept)
    torch_steps.free(self.steps, kept)
    if not learn:
      torch_steps.overwrite(self.steps)

  def run(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
    """The function's results."""
    values = list(self._values)
    values[self._image] = image
    for step in self.steps:
      values[step.output] = step.function(*[values[i] for i in step.inputs])
      for i in step.dead:
        values[i] = None
    return {k: values[i] for k, i in zip(self._names, self._outputs)}

  def learned(self) -> list[torch.Tensor]:
    """The parameters, in the order of the leaves; all ask for a gradient."""
    return [self._values[slot] for slot in self._learned]

  def leaf(self, number: int) -> np.ndarray:
    """A leaf of the variables, counted from 0, as it is now and as ours are."""
    value = self._values[number].detach()
    if number in self._layouts:
      value = self._layouts[number].back(value)
    return value.float().cpu().numpy()

  def _leaf(self, leaf) -> int:
    value = torch.tensor(np.asarray(leaf), device=self._device)
    slot = self._new(value)
    if self._learn:
      self._constant.discard(slot)
    return slot

  def _new(self, value: Any = None) -> int:
    if isinstance(value, torch.Tensor):
      value = value.to(self._device)
    self._values.append(value)
    slot = len(self._values) - 1
    if value is not None:
      self._constant.add(slot)
    return slot

  def _inline(self, jaxpr, consts, inputs: Sequence[int]) -> list[int]:
    """Appends the steps of a trace; the slots of its results."""
    slots = dict(zip(jaxpr.invars, inputs))
    for var, value in zip(jaxpr.constvars, consts):
      slots[var] = self._new(torch.tensor(np.asarray(value)))

    def slot(var):
      if isinstance(var, core.Literal):
        return self._new(np.asarray(var.val).item())
      return slots[var]

    for equation in jaxpr.eqns:
      found = self._translate(equation, [slot(v) for v in equation.invars])
      slots.update(zip(equation.outvars, found))
    return [slot(v) for v in jaxpr.outvars]

  def _translate(self, equation, inputs: list[int]) -> list[int]:
    name, params = equation.primitive.name, equation.params
    called = params.get("name")
    if name == marks.PRIMITIVE:
      found = self._whole(called, dict(params["options"]), inputs)
      if len(equation.outvars) == 1:
        return [found]
      take = lambda i: self._append("take", lambda xs: xs[i], [found])
      return [take(i) for i in range(len(equation.outvars))]
    if called in torch_ops.ACTIVATIONS and len(inputs) == 1:
      function = torch_ops.ACTIVATIONS[called]
      in_place = functools.partial(function, inplace=True)
      return [self._append(called, function, inputs, in_place=in_place)]
    for key in ("jaxpr", "call_jaxpr"):
      if key in params:
        inner = params[key]
        return self._inline(inner.jaxpr, inner.consts, inputs)
    if name == "split":
      starts = np.cumsum([0, *params["sizes"]])
      return [
          self._append(
              name,
              functools.partial(
                  torch.narrow, dim=params["axis"], start=int(a), length=int(n)
              ),
              inputs,
              view=True,
          )
          for a, n in zip(starts, params["sizes"])
      ]
    function = torch_ops.translate(name, params, equation)
    in_place = torch.Tensor.add_ if _sums_like(equation) else None
    view = name in torch_ops.VIEWS
    return [self._append(name, function, inputs, in_place=in_place, view=view)]

  def _whole(self, name, options, inputs: list[int]) -> int:
    function = functools.partial(torch_layers.WHOLE[name], **options)
    before = self._made.get(inputs[0])
    if name == "bias" and before is not None and before.biasable:
      # The convolution without it goes where nobody else reads it.
      inputs = [*before.inputs, self._cast(inputs[1])]
      return self._append(before.name, before.function, inputs)
    if name in torch_layers.KERNELS:
      x, kernel, *rest = inputs
      layout = torch_layers.Layout(name == "conv_transpose", options["groups"])
      kernel = self._cast(self._append("layout", layout, [kernel]))
      inputs = [x, kernel, *map(self._cast, rest)]
      return self._append(name, function, inputs, biasable=not rest)
    return self._append(name, function, inputs)

  def _cast(self, slot: int) -> int:
    """A constant as convolutions under autocast would cast it each time."""
    if slot in self._constant and self._dtype != torch.float32:
      return self._new(self._values[slot].to(self._dtype))
    return slot

  def _append(self, name, function, inputs, **about: Any) -> int:
    if all(i in self._constant for i in inputs):
      return self._new(function(*(self._values[i] for i in inputs)))
    step = torch_steps.Step(name, function, tuple(inputs), self._new(), **about)
    self.steps.append(step)
    self._made[step.output] = step
    return step.output

  def _keep_layouts(self) -> None:
    """Keeps kernels as the convolutions want them, and marks what is learned.

    That is, of those parameters which are nothing but one kind of kernel.
    """
    readers: dict[int, list[torch_steps.Step]] = {
        slot: [] for slot in self._learned
    }
    for step in self.steps:
      for slot in step.inputs:
        if slot in readers:
          readers[slot].append(step)
    renamed = {}
    for slot, steps in readers.items():
      layouts = {s.function if s.name == "layout" else None for s in steps}
      if len(layouts) == 1 and None not in layouts:
        (layout,) = layouts
        self._values[slot] = layout(self._values[slot])
        self._layouts[slot] = layout
        renamed.update((s.output, slot) for s in steps)
      self._values[slot].requires_grad_()
    self.steps = [s for s in self.steps if s.output not in renamed]
    for step in self.steps:
      step.inputs = tuple(renamed.get(i, i) for i in step.inputs)


def _is_param(path) -> bool:
  return path[0].key == "params"


def _sums_like(equation) -> bool:
  """Whether it is a sum that fits into the place of its first input."""
  if equation.primitive.name != "add":
    return False
  first, result = equation.invars[0], equation.outvars[0]
  return first.aval.shape == result.aval.shape and not isinstance(
      first, core.Literal
  )


def _count(paths, jaxpr) -> int:
  """The sizes of those parameters that some operation reads."""
  read = {v for e in jaxpr.eqns for v in e.invars if isinstance(v, core.Var)}
  return sum(
      int(leaf.size)
      for (path, leaf), var in zip(paths, jaxpr.invars)
      if _is_param(path) and var in read
  )
