"""Our networks on PyTorch's kernels: the other side of a comparison.

A network is traced once, with its convolutions, normalisations, pools and
resizes as single operations, and the trace is replayed with PyTorch's own
(`conv2d` on channels_last arrays, `batch_norm` in its fused inference form,
activations and sums in place where nobody reads their input again). So every
network has a peer, of the same weights, and the two can be held against each
other: `experiments.benchmark` compares their outputs before it takes times.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools
from typing import Any

import jax
from jax.extend import core
import jax.numpy as jnp
import numpy as np
import torch

from experiments import marks, torch_ops
from segjax import types


@dataclasses.dataclass
class _Step:
  """One operation of the replay; slots are numbers of values.

  `biasable` is a convolution that can add a bias, its third input, itself.
  """

  function: Callable[..., Any]
  inputs: tuple[int, ...]
  output: int
  in_place: Callable[..., Any] | None = None
  view: bool = False
  biasable: bool = False
  dead: tuple[int, ...] = ()


class Peer:
  """A network of ours in PyTorch, for inference.

  Attributes:
    parameters: how many numbers the weights are that it reads, without running
      statistics.
  """

  def __init__(
      self,
      infer: Callable[[types.Variables, jax.Array], types.Outputs],
      variables: types.Variables,
      shape: tuple[int, ...],
  ):
    """Traces `infer(variables, image)` for images of `shape`, (n, h, w, c).

    Raises:
      NotImplementedError: it has an operation that we have not translated.
    """
    image = jax.ShapeDtypeStruct(shape, jnp.float32)
    with marks.marks():
      # A function of its own: JAX remembers the traces of each.
      trace = jax.make_jaxpr(lambda *x: infer(*x))(variables, image)
    outputs = jax.eval_shape(infer, variables, image)
    self._structure = jax.tree.structure(outputs)
    self._values: list[Any] = []
    self._constant: set[int] = set()
    self._steps: list[_Step] = []
    self._made: dict[int, _Step] = {}
    inputs = [
        self._new(torch.tensor(np.asarray(leaf)))
        for leaf in jax.tree.leaves(variables)
    ]
    self._image = self._new()
    self._outputs = self._inline(
        trace.jaxpr, trace.consts, [*inputs, self._image]
    )
    self._plan()
    self.parameters = self._count(variables, trace.jaxpr)

  def __call__(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
    """The model's outputs, (n, h, w, c) as the image is, in float32."""
    values = list(self._values)
    values[self._image] = image
    with torch.inference_mode():
      for step in self._steps:
        values[step.output] = step.function(*(values[i] for i in step.inputs))
        for i in step.dead:
          values[i] = None
    outputs = [values[i] for i in self._outputs]
    return jax.tree.unflatten(self._structure, outputs)

  def _new(self, value: Any = None) -> int:
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
      return [self._whole(called, dict(params["options"]), inputs)]
    if called in torch_ops.ACTIVATIONS and len(inputs) == 1:
      function = torch_ops.ACTIVATIONS[called]
      in_place = functools.partial(function, inplace=True)
      return [self._append(function, inputs, in_place=in_place)]
    for key in ("jaxpr", "call_jaxpr"):
      if key in params:
        inner = params[key]
        return self._inline(inner.jaxpr, inner.consts, inputs)
    if name == "split":
      starts = np.cumsum([0, *params["sizes"]])
      return [
          self._append(
              functools.partial(
                  torch.narrow, dim=params["axis"], start=int(a), length=int(n)
              ),
              inputs,
              view=True,
          )
          for a, n in zip(starts, params["sizes"])
      ]
    function = torch_ops.translate(name, params, equation)
    in_place = torch.Tensor.add_ if self._sums_like(equation) else None
    view = name in torch_ops.VIEWS
    return [self._append(function, inputs, in_place=in_place, view=view)]

  def _sums_like(self, equation) -> bool:
    """Whether it is a sum that fits into the place of its first input."""
    if equation.primitive.name != "add":
      return False
    first, result = equation.invars[0], equation.outvars[0]
    return first.aval.shape == result.aval.shape and not isinstance(
        first, core.Literal
    )

  def _whole(self, name, options, inputs: list[int]) -> int:
    function = functools.partial(torch_ops.WHOLE[name], **options)
    before = self._made.get(inputs[0])
    if name == "bias" and before is not None and before.biasable:
      # The convolution without it goes where nobody else reads it.
      return self._append(before.function, [*before.inputs, inputs[1]])
    if name in torch_ops.KERNELS:
      x, kernel, *rest = inputs
      inputs = [x, self._append(torch_ops.KERNELS[name], [kernel]), *rest]
      return self._append(function, inputs, biasable=not rest)
    return self._append(function, inputs)

  def _append(self, function, inputs, **about: Any) -> int:
    if all(i in self._constant for i in inputs):
      return self._new(function(*(self._values[i] for i in inputs)))
    step = _Step(function, tuple(inputs), self._new(), **about)
    self._steps.append(step)
    self._made[step.output] = step
    return step.output

  def _count(self, variables, jaxpr) -> int:
    """The sizes of those parameters that some operation reads."""
    read = {v for e in jaxpr.eqns for v in e.invars if isinstance(v, core.Var)}
    paths = jax.tree_util.tree_leaves_with_path(variables)
    return sum(
        int(leaf.size)
        for (path, leaf), var in zip(paths, jaxpr.invars)
        if path[0].key == "params" and var in read
    )

  def _plan(self) -> None:
    """Drops what nobody reads; frees each value after its last use."""
    needed, steps = set(self._outputs), []
    for step in reversed(self._steps):
      if step.output in needed:
        needed.update(step.inputs)
        steps.append(step)
    self._steps = steps[::-1]
    last: dict[int, _Step] = {}
    for step in self._steps:
      last.update(dict.fromkeys(step.inputs, step))
    kept = {*self._outputs, *self._constant, self._image}
    for slot, step in last.items():
      if slot not in kept:
        step.dead += (slot,)
    # A view, and what it looks at, share their place with others.
    shared = {i for s in self._steps if s.view for i in (*s.inputs, s.output)}
    for step in self._steps:
      first = step.inputs[0]
      if step.in_place and first in step.dead and first not in shared:
        step.function = step.in_place
