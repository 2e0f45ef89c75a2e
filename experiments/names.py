"""Names in a config, looked up; mistakes are met with what there is."""

from collections.abc import Iterable
import dataclasses
import difflib
import importlib
import inspect
import pkgutil
from typing import Any

from flax import linen as nn


def resolve(name: str, home: str) -> Any:
  """The class or function of a dotted name.

  "deeplab_v3.DeepLabV3" is looked up in the package `home`, anything else as
  "package.module.Class".

  Raises:
    ValueError: it does not exist; the message names what is close, and all
      that `home` has.
  """
  path, _, attribute = name.rpartition(".")
  for module in filter(None, (f"{home}.{path}" if path else home, path)):
    found = getattr(_import(module), attribute, None)
    if callable(found):
      return found
  there = names(home)
  close = difflib.get_close_matches(name, there, n=3, cutoff=0.5)
  hint = f"did you mean {' or '.join(close)}? " if close else ""
  raise ValueError(
      f"there is no {name!r} in {home}; {hint}there are {', '.join(there)}, and"
      " 'package.module.Class' of your own"
  )


def check_keywords(
    name: str, keywords: Iterable[str], legal: list[str]
) -> None:
  """Raises ValueError for a keyword that `name` does not have."""
  for key in keywords:
    if key not in legal:
      close = difflib.get_close_matches(key, legal, n=3)
      hint = f"did you mean {' or '.join(close)}? " if close else ""
      raise ValueError(
          f"{name} has no {key!r}; {hint}it has {', '.join(legal) or 'none'}"
      )


def _fields(cls: type[nn.Module]) -> set[str]:
  return {field.name for field in dataclasses.fields(cls)}


def _import(name: str) -> Any:
  """A module, or None where there is none of this name."""
  try:
    return importlib.import_module(name)
  except ModuleNotFoundError as error:
    if name == error.name or name.startswith(f"{error.name}."):
      return None
    raise


def names(home: str) -> list[str]:
  """What a config can name in a package.

  Modules that take an `image` where there are modules in files, such as in
  segjax.backbones, and in segjax.models also have classes; else the functions
  that the package exports.
  """
  package = importlib.import_module(home)
  if hasattr(package, "__all__"):
    return sorted(
        name for name in package.__all__ if callable(getattr(package, name))
    )
  found = []
  for info in pkgutil.iter_modules(package.__path__):
    module = importlib.import_module(f"{home}.{info.name}")
    for name, value in vars(module).items():
      if (
          isinstance(value, type)
          and issubclass(value, nn.Module)
          and value.__module__ == module.__name__
          and "image" in inspect.signature(value.__call__).parameters
          and (home != "segjax.models" or "num_classes" in _fields(value))
      ):
        found.append(f"{info.name}.{name}")
  return sorted(found)
