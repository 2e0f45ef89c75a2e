"""The files of results/, and the lines of tables that they make."""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import hashlib
import json
import math
import pathlib
import re
from typing import Any

SCHEMA = {
    "row": str,
    "table": str,
    "network": str,
    "size": str,
    "commands": list,
    "command": str,
    "commit": str,
    "dirty": bool,
    "date": str,
    "seed": int,
    "device": str,
    "cpu": str,
    "cores": int,
    "load_before": float,
    "versions": dict,
    "config": dict,
    "config_sha256": str,
    "parameters": int,
    "gflops": (float, type(None)),
    "shown_size": (list, type(None)),
    "images_per_second": (float, type(None)),
    "images_seen": int,
    "seconds": float,
    "curves": dict,
    "evaluations": dict,
}
"""The keys of every file and their types; a whole number is a float, too.

`seconds` is the wall time of training, `gflops` (a multiplication and an
addition are two) and `images_per_second` are of inference at `shown_size`, and
are None where that has no meaning. A file may have "paper", what the paper
states, and "parameters_are", what else than weights was counted.
"""

_SEED = re.compile(r"_seed\d+$")


def load(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
  """All files of the folder by their names, none if there are none.

  Raises:
    FileNotFoundError: no such folder.
    ValueError: a file is damaged, or a key is missing or of another type.
  """
  if not folder.is_dir():
    raise FileNotFoundError(f"there is no folder {folder}")
  found = {}
  for path in sorted(folder.glob("*.json")):
    try:
      found[path.stem] = json.loads(path.read_text())
    except ValueError as error:
      raise ValueError(f"{path} is damaged: {error}") from None
    problems = check(path.stem, found[path.stem])
    if problems:
      raise ValueError(f"{path}: {'; '.join(problems)}")
  return found


def check(name: str, result: Any) -> list[str]:
  """What keeps a file from being a result, a line each."""
  if not isinstance(result, dict):
    return [f"it holds a {type(result).__name__}, not an object"]
  problems = [f"no key {key!r}" for key in SCHEMA if key not in result]
  for key in SCHEMA.keys() & result.keys():
    if not _is(result[key], SCHEMA[key]):
      problems.append(f"{key} cannot be {result[key]!r}"[:80])
  if problems:
    return sorted(problems)
  if result["row"] != name:
    problems.append(f"row is {result['row']!r}, not the file's name")
  if not result["evaluations"]:
    problems.append("evaluations is empty")
  if result["config_sha256"] != config_hash(result["config"]):
    problems.append("config_sha256 is that of another config")
  return problems


def config_hash(config: Mapping[str, Any]) -> str:
  """Of a config as a file has it."""
  text = json.dumps(config, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Line:
  """The runs that differ in their seed alone: a line of a table.

  Attributes:
    name: the row's, without the seed.
    runs: one or more files.
  """

  name: str
  runs: Sequence[Mapping[str, Any]]

  @property
  def network(self) -> str:
    return self.runs[0]["network"]

  @property
  def evaluations(self) -> list[str]:
    """The names of the ways in which these were measured."""
    return list(self.runs[0]["evaluations"])

  @property
  def main(self) -> str:
    """The evaluation that stands for the line: of the trained network."""
    return next((e for e in self.evaluations if e != "before"), "before")

  def values(self, *keys: str) -> list[float]:
    """The number of each run at the end of these keys, where it has one."""
    found = []
    for run in self.runs:
      value: Any = run
      for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
      if isinstance(value, int | float) and math.isfinite(value):
        found.append(value)
    return found

  def mean(self, *keys: str) -> float | None:
    """Over the runs that have the number."""
    values = self.values(*keys)
    return sum(values) / len(values) if values else None

  def figures(self, evaluation: str, *keys: str) -> list[float]:
    """The numbers of one of `evaluations`."""
    return self.values("evaluations", evaluation, *keys)

  def classes(self) -> list[str]:
    """Those that have an IoU in `main`."""
    iou = self.runs[0]["evaluations"][self.main].get("iou", {})
    return [name for name in iou if self.figures(self.main, "iou", name)]


def lines(
    found: Mapping[str, Mapping[str, Any]], order: Iterable[str] = ()
) -> list[Line]:
  """The lines of a table's files: in this order of names, then all others."""
  groups: dict[str, list[str]] = {}
  for name in [*(n for n in order if n in found), *sorted(found)]:
    group = groups.setdefault(_SEED.sub("", name), [])
    if name not in group:
      group.append(name)
  return [
      Line(base, [found[name] for name in names])
      for base, names in groups.items()
  ]


def _is(value: Any, kind: Any) -> bool:
  """Whether JSON's value is of the type, where numbers are no truth values."""
  kinds = kind if isinstance(kind, tuple) else (kind,)
  if isinstance(value, bool):
    return bool in kinds
  return isinstance(value, kinds) or (float in kinds and isinstance(value, int))
