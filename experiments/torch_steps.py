"""The steps of a replay: which are needed, and where their results go."""

import collections
from collections.abc import Callable, Collection, Sequence
import dataclasses
import functools
from typing import Any

from experiments import torch_layers, torch_ops


@dataclasses.dataclass
class Step:
  """One operation of the replay; slots are numbers of values.

  Attributes:
    name: of the operation, as in the tables of `torch_ops` and `torch_layers`.
    function: of tensors.
    inputs, output: slots.
    in_place: the function that writes into its first input.
    view: whether the output may share its memory with the input.
    biasable: a convolution that can add a bias, its third input, itself.
    dead: slots that nobody reads afterwards.
  """

  name: str
  function: Callable[..., Any]
  inputs: tuple[int, ...]
  output: int
  in_place: Callable[..., Any] | None = None
  view: bool = False
  biasable: bool = False
  dead: tuple[int, ...] = ()


def needed(steps: Sequence[Step], outputs: Collection[int]) -> list[Step]:
  """Those that the outputs depend on."""
  slots, found = set(outputs), []
  for step in reversed(steps):
    if step.output in slots:
      slots.update(step.inputs)
      found.append(step)
  return found[::-1]


def free(steps: Sequence[Step], kept: Collection[int]) -> None:
  """Lets the last reader of each value, but for those kept, drop it."""
  last: dict[int, Step] = {}
  for step in steps:
    last.update(dict.fromkeys(step.inputs, step))
  for slot, step in last.items():
    if slot not in kept:
      step.dead += (slot,)


def overwrite(steps: Sequence[Step]) -> None:
  """In inference: in place, where nobody reads the first input again."""
  shared = _shared(steps)
  for step in steps:
    first = step.inputs[0]
    if step.in_place and first in step.dead and first not in shared:
      step.function = step.in_place


def overwrite_while_learning(
    steps: Sequence[Step], kept: Collection[int]
) -> list[Step]:
  """In training: in place, where no backward pass asks for what is lost.

  Two steps become one where the first's result is a view.
  """
  kept = {*kept, *_shared(steps)}
  makers = {step.output: step for step in steps}
  readers = collections.Counter(i for step in steps for i in step.inputs)
  gone = set()
  for step in steps:
    first = step.inputs[0]
    overwrites = step.name == "add" or step.name in torch_ops.OVERWRITING
    if not overwrites or not step.in_place or first in kept:
      continue
    maker = makers[first]
    if readers[first] > 1 or maker.name not in torch_layers.FORGETFUL:
      continue
    if getattr(maker.function, "func", None) is torch_layers.on_maps:
      (function,) = maker.function.args
      both = functools.partial(
          torch_layers.overwritten, function, len(maker.inputs), step.in_place
      )
      # It keeps the second's name, by which a third may overwrite it.
      step.function = functools.partial(
          torch_layers.on_maps, both, **maker.function.keywords
      )
      step.inputs = (*maker.inputs, *step.inputs[1:])
      gone.add(first)
    else:
      step.function = step.in_place
  return [step for step in steps if step.output not in gone]


def _shared(steps: Sequence[Step]) -> set[int]:
  """Views, and what they look at, which share their place with others."""
  return {i for s in steps if s.view for i in (*s.inputs, s.output)}
