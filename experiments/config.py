"""The flag `--config=FILE.py[:options]` and its `--config.key=value`."""

import ast
import difflib
import importlib.util
import inspect
import json
import os
import pathlib
import re
import sys
from typing import Any

from absl import flags
import ml_collections

FILE = "config.json"


def define_flags(arguments: list[str] | None = None) -> None:
  """Defines `--config`, and a flag for each `--config.key` in the arguments."""
  flags.DEFINE_string(
      "config", None, "configs/FILE.py[:option,...]", required=True
  )
  for argument in sys.argv[1:] if arguments is None else arguments:
    match = re.match(r"--?(config\.[^=]+)", argument)
    if match and match[1] not in flags.FLAGS:
      flags.DEFINE_string(match[1], None, "overrides this key of the config")


def from_flags() -> ml_collections.ConfigDict:
  """The config that the flags ask for.

  Raises:
    FileNotFoundError, ValueError: as `load` and `override`.
  """
  config = load(flags.FLAGS.config)
  for name, flag in flags.FLAGS.flag_values_dict().items():
    if name.startswith("config."):
      override(config, name.removeprefix("config."), flag)
  return config


def load(argument: str) -> ml_collections.ConfigDict:
  """Calls `get_config` of "FILE.py:options".

  Raises:
    FileNotFoundError: no such file; the message lists its neighbours.
    ValueError: the file has no `get_config`, or refuses the options.
  """
  name, _, options = argument.partition(":")
  path = pathlib.Path(name)
  if not path.is_file():
    there = sorted(p.name for p in path.parent.glob("*.py"))
    raise FileNotFoundError(
        f"there is no config {name!r}; {path.parent} has"
        f" {', '.join(there) or 'none'}"
    )
  spec = importlib.util.spec_from_file_location(path.stem, path)
  if spec is None:
    raise ValueError(f"the config {name} is not a Python file (.py)")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  if not callable(getattr(module, "get_config", None)):
    raise ValueError(f"the config {name} has no function get_config")
  takes = bool(inspect.signature(module.get_config).parameters)
  if options and not takes:
    raise ValueError(f"the config {name} takes no options, such as {options!r}")
  return module.get_config(options) if takes else module.get_config()


def override(config: ml_collections.ConfigDict, name: str, text: str) -> None:
  """Sets the key `name` ("section.key") from its value as text.

  The value has the type of the one that it replaces.

  Raises:
    ValueError: no such key (the message names those that are close), or a
      value of another type.
  """
  *parents, key = name.split(".")
  section = config
  for parent in parents:
    section = _child(section, parent, name)
    if not isinstance(section, ml_collections.ConfigDict):
      raise ValueError(f"config.{name}: {parent} is a value, not a section")
  old = _child(section, key, name)
  if isinstance(old, ml_collections.ConfigDict):
    raise ValueError(
        f"config.{name} is a section; set one of its keys:"
        f" {', '.join(sorted(old)) or 'none'}"
    )
  section[key] = _parse(name, text, old)


def save(config: ml_collections.ConfigDict) -> str:
  """The config as the text of config.json."""
  return json.dumps(config.to_dict(), indent=2) + "\n"


def read(workdir: str | os.PathLike[str]) -> ml_collections.ConfigDict:
  """The config of a run, from its workdir.

  Raises:
    FileNotFoundError: no such folder, or nothing was trained in it.
    ValueError: its config.json is damaged.
  """
  path = pathlib.Path(workdir) / FILE
  if not path.parent.is_dir():
    raise FileNotFoundError(f"there is no workdir {workdir}")
  if not path.is_file():
    raise FileNotFoundError(
        f"{workdir} is not the workdir of a run: it has no {FILE}"
    )
  try:
    return ml_collections.ConfigDict(_tuples(json.loads(path.read_text())))
  except json.JSONDecodeError as error:
    raise ValueError(f"{path} is damaged: {error}") from None


def differences(
    one: ml_collections.ConfigDict, other: ml_collections.ConfigDict
) -> list[str]:
  """The keys, with dots, that are not the same in both."""
  one, other = (_flat(json.loads(save(c))) for c in (one, other))
  return sorted(
      key
      for key in one.keys() | other.keys()
      if key not in one or key not in other or one[key] != other[key]
  )


def _child(section: ml_collections.ConfigDict, key: str, name: str) -> Any:
  if key not in section:
    close = difflib.get_close_matches(key, section, n=3)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise ValueError(
        f"the config has no key {name!r}; {hint}there are"
        f" {', '.join(sorted(section)) or 'none'}"
    )
  return section[key]


def _parse(name: str, text: str, old: Any) -> Any:
  """`text` as a value of the type of `old`."""
  if isinstance(old, str):
    return text
  try:
    value = ast.literal_eval({"true": "True", "false": "False"}.get(text, text))
  except (ValueError, SyntaxError):
    value = text
  if isinstance(old, tuple) and isinstance(value, (int, float, list)):
    value = tuple(value) if isinstance(value, list) else (value,)
  elif isinstance(old, float) and type(value) is int:
    value = float(value)
  if not (old is None or value is None or type(value) is type(old)):
    raise ValueError(
        f"config.{name} is {old!r}, a {type(old).__name__}; it cannot be"
        f" {text!r}"
    )
  return value


def _tuples(value: Any) -> Any:
  if isinstance(value, list):
    return tuple(map(_tuples, value))
  if isinstance(value, dict):
    return {k: _tuples(v) for k, v in value.items()}
  return value


def _flat(tree: dict, prefix: str = "") -> dict[str, Any]:
  flat = {}
  for key, value in tree.items():
    if isinstance(value, dict) and value:
      flat |= _flat(value, f"{prefix}{key}.")
    else:
      flat[prefix + key] = value
  return flat
