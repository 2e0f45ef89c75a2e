"""The flags that name a data set, for the binaries that read one."""

import ast
from collections.abc import Sequence
import dataclasses
from typing import Any

from absl import flags

from segjax import data


@dataclasses.dataclass(frozen=True)
class DatasetFlags:
  """Holders of the flags' values, to be read once they are parsed."""

  dataset: flags.FlagHolder
  data_dir: flags.FlagHolder
  manual_dir: flags.FlagHolder
  option: flags.FlagHolder

  def options(self) -> dict[str, Any]:
    """The builder's options.

    Raises:
      ValueError: for an --option that is not name=value.
    """
    return parse_options(self.option.value)


def define(*, required: bool = True) -> DatasetFlags:
  """Defines --dataset, --data_dir, --manual_dir and --option."""
  return DatasetFlags(
      flags.DEFINE_string(
          "dataset",
          None,
          f"{', '.join(data.datasets.names())}, with /configuration where there"
          ' is one, or "package.module.Class" of your own.',
          required=required,
      ),
      flags.DEFINE_string(
          "data_dir", "data", "The folder where prepared data sets are put."
      ),
      flags.DEFINE_string(
          "manual_dir", None, "The folder with what you have downloaded."
      ),
      flags.DEFINE_multi_string(
          "option", [], "name=value, an option of the builder; may be repeated."
      ),
  )


def parse_options(options: Sequence[str]) -> dict[str, Any]:
  """["size=(64, 64)", "train=100"] as keyword arguments.

  Raises:
    ValueError: for what is not name=value.
  """
  parsed = {}
  for option in options:
    name, equals, value = option.partition("=")
    if not equals or not name.isidentifier():
      raise ValueError(f"--option={option} must be --option=name=value.")
    try:
      parsed[name] = ast.literal_eval(value)
    except (ValueError, SyntaxError):
      parsed[name] = value
  return parsed
