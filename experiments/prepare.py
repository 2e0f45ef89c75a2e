r"""Builds a data set from downloaded files; shapes needs none.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR \
      --data_dir=DIR
  python -m experiments.prepare --dataset=shapes --option=num_classes=8 \
      --data_dir=DIR

docs/datasets.md says what to download.
"""

import ast
from collections.abc import Sequence
from typing import Any

from absl import flags

from experiments import cli
from segjax import data

_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    f"{', '.join(data.datasets.names())}, with /configuration where there is "
    'one, or "package.module.Class" of your own.',
    required=True,
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", "data", "The folder where prepared data sets are put."
)
_MANUAL_DIR = flags.DEFINE_string(
    "manual_dir", None, "The folder with what you have downloaded."
)
_OPTION = flags.DEFINE_multi_string(
    "option", [], "name=value, an option of the builder; may be repeated."
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Deletes what is prepared, and builds it again."
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


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise ValueError(f"Unexpected argument {argv[1]!r}; flags start with --.")
  name, options = _DATASET.value, parse_options(_OPTION.value)
  builder = data.datasets.builder(name, _DATA_DIR.value, **options)
  if data.datasets.is_prepared(builder) and not _OVERWRITE.value:
    print(f"Already prepared in {builder.data_dir}:")
  else:
    builder = data.datasets.prepare(
        name,
        _DATA_DIR.value,
        _MANUAL_DIR.value,
        overwrite=_OVERWRITE.value,
        progress=True,
        **options,
    )
    for note in getattr(builder, "notes", ()):
      print(f"Note: {note}")
    print(f"Prepared in {builder.data_dir}:")
  for split, info in sorted(builder.info.splits.items()):
    print(f"  {split:12} {info.num_examples:6} images")


if __name__ == "__main__":
  cli.run(main)
