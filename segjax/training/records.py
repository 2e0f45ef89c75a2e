"""metrics.jsonl: one JSON object a line, steps rising, every step once."""

from collections.abc import Mapping
import json
import os
import pathlib
from typing import Any

FILE = "metrics.jsonl"
WALL_CLOCK = ("images_per_second",)
"""What depends on the machine is not recorded.

So the file, like the weights, is a function of (config, seed), and that of a
run which was killed and resumed is the same to the last byte.
"""


class Records:
  """The numbers of a run, in `workdir`/metrics.jsonl.

  What is written survives a kill at any moment, but for the line that is just
  being written; a torn line is not read, and `truncate` removes it.
  """

  def __init__(self, workdir: str | os.PathLike[str]):
    self.path = pathlib.Path(workdir) / FILE
    self._last: int | None = None

  def read(self) -> list[dict[str, Any]]:
    """All whole records, in the order of the file; none without a file."""
    if not self.path.exists():
      return []
    records = []
    for line in self.path.read_text().splitlines(keepends=True):
      try:
        record = json.loads(line)
      except json.JSONDecodeError:
        break
      if not line.endswith("\n") or "step" not in record:
        break
      records.append(record)
    return records

  def scores(self, name: str) -> dict[int, float]:
    """{step: value} of the records that have a value of this name."""
    return {
        record["step"]: record[name]
        for record in self.read()
        if record.get(name) is not None
    }

  def write(self, step: int, values: Mapping[str, float | None]) -> None:
    """Adds a record, or adds `values` to the last one where it is of `step`."""
    values = {k: v for k, v in values.items() if k not in WALL_CLOCK}
    if step == self._last:
      *before, last = self.read()
      self._replace([*before, last | values])
    else:
      with self.path.open("a") as file:
        file.write(_line({"step": step} | values))
      self._last = step

  def truncate(self, step: int) -> None:
    """Forgets what comes after `step`, as a run resumed there will redo it.

    To be called before the first `write` to a file that exists.
    """
    records = [record for record in self.read() if record["step"] <= step]
    if self.path.exists():
      self._replace(records)
    self._last = records[-1]["step"] if records else None

  def _replace(self, records: list[dict[str, Any]]) -> None:
    replace_text(self.path, "".join(map(_line, records)))


def replace_text(path: pathlib.Path, text: str) -> None:
  """Writes a text file so that a kill leaves the old or the new one whole."""
  new = path.with_name(path.name + ".new")
  new.write_text(text)
  os.replace(new, path)


def _line(record: Mapping[str, Any]) -> str:
  return json.dumps(record, allow_nan=False) + "\n"
