"""metrics.jsonl: one JSON object a line, steps rising, every step once."""

from collections.abc import Mapping
import json
import os
import pathlib
import sys
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
  being written; a torn line is not read, and `truncate` removes it. A line
  that is damaged in another way is an error, as the numbers of the steps
  before the last checkpoint are computed once.
  """

  def __init__(self, workdir: str | os.PathLike[str]):
    self.path = pathlib.Path(workdir) / FILE
    self._last: int | None = None

  def read(self) -> list[dict[str, Any]]:
    """All whole records, in the order of the file; none without a file.

    Raises:
      ValueError: names a line that is no record, or that is out of order.
    """
    records, damaged = self._parse()
    if damaged:
      raise ValueError(damaged)
    return records

  def scores(self, name: str) -> dict[int, float]:
    """{step: value} of the records that have a value of this name."""
    return {
        record["step"]: record[name]
        for record in self.read()
        if record.get(name) is not None
    }

  def write(self, step: int, values: Mapping[str, float | None]) -> None:
    """Adds a record, or adds `values` to the last one where it is of `step`.

    Raises:
      OSError: the file cannot be written, as on a full disk.
    """
    values = {k: v for k, v in values.items() if k not in WALL_CLOCK}
    if step == self._last:
      *before, last = self.read()
      self._replace([*before, last | values])
    else:
      try:
        with self.path.open("a") as file:
          file.write(_line({"step": step} | values))
          file.flush()
          os.fsync(file.fileno())
      except OSError as error:
        raise OSError(
            f"cannot write to {self.path}: {error.strerror}"
        ) from error
      self._last = step

  def truncate(self, step: int) -> None:
    """Forgets what comes after `step`, as a run resumed there will redo it.

    To be called before the first `write` to a file that exists.

    Raises:
      ValueError: a line is damaged that may be of `step` or before it.
    """
    if step and not self.path.exists():
      print(
          f"warning: {self.path} is missing; it begins again after step {step}",
          file=sys.stderr,
      )
    records, damaged = self._parse()
    last = records[-1]["step"] if records else 0
    if damaged and last < step:
      raise ValueError(damaged)
    records = [record for record in records if record["step"] <= step]
    if self.path.exists():
      self._replace(records)
    self._last = records[-1]["step"] if records else None

  def _parse(self) -> tuple[list[dict[str, Any]], str]:
    """The records before the first that is no record, and what is wrong."""
    if not self.path.exists():
      return [], ""
    records = []
    content = self.path.read_bytes()
    lines = content.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
      if number == len(lines) and (not line.endswith(b"\n") or line == b"\n"):
        break  # The process ended while it wrote this.
      try:
        record = json.loads(line)
        after = records[-1]["step"] if records else -1
        if not (type(record["step"]) is int and record["step"] > after):
          raise ValueError("the steps do not rise")
      except (ValueError, TypeError, KeyError) as error:
        return records, (
            f"{self.path} is damaged at line {number} of {len(lines)} ({error});"
            " mend the line, or move the file away to begin a new one"
        )
      records.append(record)
    return records, ""

  def _replace(self, records: list[dict[str, Any]]) -> None:
    replace_text(self.path, "".join(map(_line, records)))


def replace_text(path: pathlib.Path, text: str) -> None:
  """Writes a text file so that a kill leaves the old or the new one whole.

  Raises:
    OSError: the file cannot be written; the old one stays.
  """
  new = path.with_name(path.name + ".new")
  try:
    with new.open("w") as file:
      file.write(text)
      file.flush()
      os.fsync(file.fileno())
    os.replace(new, path)
  except OSError as error:
    raise OSError(f"cannot write {path}: {error.strerror}") from error


def _line(record: Mapping[str, Any]) -> str:
  return json.dumps(record, allow_nan=False) + "\n"
