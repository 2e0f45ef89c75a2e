"""Reads pickles of plain values; nothing in them is run.

A pickle is a program for a stack machine (PEP 307, PEP 3154; `pickletools` in
Python's library describes every instruction). Python's own machine calls what
the program names and trusts the sizes in it. This one knows the instructions
for containers, numbers and strings, calls what its caller lists and nothing
else, and needs no more time and memory than some multiple of the pickle's size.
"""

from collections.abc import Callable, Iterator, Mapping
import pickle
import pickletools
from typing import Any, BinaryIO

LIMIT = 1 << 24
"""The most bytes of one pickle. One of a thousand tensors has 150 thousand."""

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}

_NUMBERS_AND_STRINGS = frozenset(
    (
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
        *("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
    )
)

_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}

_TO_MARK = {"TUPLE": tuple, "LIST": list, "FROZENSET": frozenset}

_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}

_NOTHING = frozenset(("PROTO", "FRAME"))


def read(
    file: BinaryIO,
    known: Mapping[str, Any],
    persistent: Callable[[Any], Any],
) -> Any:
  """The value of the pickle that begins here; the file stands behind it then.

  Args:
    file: with `read`, `readline` and `tell`; a read past its end is short.
    known: "module.name" -> what stands for it. Functions of it are called as
      the pickle says, with values of this reader as arguments.
    persistent: what stands for a persistent id.

  Raises:
    ValueError: the pickle names something else, or is larger than LIMIT.
    Exception: it is damaged, see `torchfile.DAMAGE`.
  """
  machine = _Machine(known, persistent)
  start = file.tell()
  for name, argument, position in _instructions(file):
    if position - start > LIMIT:
      raise ValueError(f"refused: a pickle of more than {LIMIT} bytes is in it")
    if name == "STOP":
      return machine.stack.pop()
    machine.step(name, argument)
  raise EOFError("its pickle ends too early")


def _instructions(file: BinaryIO) -> Iterator[tuple[str, Any, int]]:
  try:
    for instruction, argument, position in pickletools.genops(file):
      yield instruction.name, argument, position
  except ValueError as error:
    raise pickle.UnpicklingError(str(error)) from error


class _Machine:
  """The stack, the marks on it, and the memo."""

  def __init__(self, known, persistent):
    self.stack, self._below, self._memo = [], [], {}
    self._known, self._persistent = known, persistent
    self._copied = 0  # Items of all arguments of all calls.

  def step(self, name: str, argument: Any) -> None:
    """Does one instruction."""
    stack = self.stack
    if name in _NUMBERS_AND_STRINGS:
      stack.append(argument)
    elif name in _CONSTANTS:
      stack.append(_CONSTANTS[name])
    elif name in _EMPTY:
      stack.append(_EMPTY[name]())
    elif name in _TUPLES:
      stack.append(tuple(reversed([stack.pop() for _ in range(_TUPLES[name])])))
    elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
      self._memo[argument] = stack[-1]
    elif name == "MEMOIZE":
      self._memo[len(self._memo)] = stack[-1]
    elif name in ("GET", "BINGET", "LONG_BINGET"):
      stack.append(self._memo[argument])
    elif name not in _NOTHING:
      self._rarer(name, argument)

  def _rarer(self, name, argument):
    stack = self.stack
    match name:
      case "MARK":
        self._below.append(stack)
        self.stack = []
      case "POP_MARK":
        self._to_mark()
      case "POP":
        stack.pop()
      case "DUP":
        stack.append(stack[-1])
      case "TUPLE" | "LIST" | "FROZENSET":
        items = self._to_mark()
        if name == "FROZENSET":
          items = map(_key, items)
        self.stack.append(_TO_MARK[name](items))
      case "DICT":
        items = self._to_mark()
        self.stack.append(dictionary(zip(items[::2], items[1::2])))
      case "APPEND":
        item = stack.pop()
        _of(list, stack).append(item)
      case "APPENDS":
        items = self._to_mark()
        _of(list, self.stack).extend(items)
      case "SETITEM":
        value, key = stack.pop(), stack.pop()
        _of(dict, stack)[_key(key)] = value
      case "SETITEMS":
        items = self._to_mark()
        pairs = zip(items[::2], items[1::2])
        _of(dict, self.stack).update(dictionary(pairs))
      case "ADDITEMS":
        items = self._to_mark()
        _of(set, self.stack).update(map(_key, items))
      case "GLOBAL":
        stack.append(self._find(*argument.split(" ", 1)))
      case "STACK_GLOBAL":
        attribute, module = stack.pop(), stack.pop()
        stack.append(self._find(module, attribute))
      case "REDUCE" | "NEWOBJ":
        arguments, function = stack.pop(), stack.pop()
        stack.append(self._call(function, arguments))
      case "BUILD":  # The state of an object, such as a mapping's metadata.
        stack.pop()
      case "PERSID":
        stack.append(self._call(self._persistent, (argument,)))
      case "BINPERSID":
        stack.append(self._call(self._persistent, (stack.pop(),)))
      case _:
        what = name if argument is None else f"{name} {argument!r:.80}"
        raise ValueError(
            f"refused: its pickle has the instruction {what}, which no file of"
            " tensors needs"
        )

  def _find(self, module, name):
    if not isinstance(module, str) or not isinstance(name, str):
      raise ValueError("refused: its pickle asks for something without a name")
    full = f"{module}.{name}"
    if full not in self._known:
      raise ValueError(
          f"refused: its pickle asks for {full:.200}, and only tensors and"
          " containers of them are read, as loading anything else may run code"
      )
    return self._known[full]

  def _call(self, function, arguments):
    if not callable(function):
      raise ValueError("refused: its pickle calls what is no function")
    sized = str | bytes | tuple | list | dict | set | frozenset
    self._copied += sum(len(x) for x in arguments if isinstance(x, sized))
    if self._copied > LIMIT:
      raise ValueError("refused: its pickle uses large values again and again")
    return function(*arguments)

  def _to_mark(self):
    items, self.stack = self.stack, self._below.pop()
    return items


def dictionary(pairs: Any = ()) -> dict:
  """A dict of (key, value) pairs, keys checked."""
  return {_key(key): value for key, value in pairs}


def _key(value):
  """A key whose hash takes no longer than the value took to read."""
  parts = value if isinstance(value, tuple) else (value,)
  simple = (
      part.bit_length() <= 64
      if isinstance(part, int)
      else part is None or isinstance(part, str | bytes | float)
      for part in parts
  )
  if len(parts) > 8 or not all(simple):
    raise ValueError("refused: a key of a mapping in it is no string or number")
  return value


def _of(kind, stack):
  if type(stack[-1]) is not kind:
    raise pickle.UnpicklingError(f"items are added to what is no {kind}")
  return stack[-1]
