"""Where the numbers of a run go: the screen, TensorBoard, metrics.jsonl.

`records.Records` is the third writer.
"""

from collections.abc import Iterator, Mapping
import contextlib
import datetime
import os
import pathlib
import socket
import sys
import time
import types
from typing import Protocol
import uuid

from jaxtyping import UInt8
import numpy as np

Values = Mapping[str, float | None]


class Writer(Protocol):
  """Takes numbers."""

  def write(self, step: int, values: Values) -> None:
    """Adds the values of a step; None stands for one that does not exist."""


class Console:
  """One line a call, for people."""

  def __init__(self, total_steps: int, batch_size: int):
    self._total, self._batch_size = total_steps, batch_size

  def write(self, step: int, values: Values) -> None:
    """As `Writer`."""
    values = dict(values)
    speed = values.pop("images_per_second", None)
    shown = [f"step {step}/{self._total}"]
    if "eval/miou" in values:
      shown += [
          f"{name.removeprefix('eval/')} {_number(value)}"
          for name, value in values.items()
          if "/iou/" not in name
      ]
    else:
      shown += [
          f"{name} {_number(values[name])}"
          for name in ("loss", "learning_rate")
          if name in values
      ]
    if speed is not None:
      left = (self._total - step) * self._batch_size / speed
      eta = datetime.timedelta(seconds=round(left))
      shown += [f"{speed:.1f} images/s", f"ETA {eta}"]
    print("  ".join(shown), flush=True)


class TensorBoard:
  """Event files for TensorBoard; closed as a context manager.

  They are written at once and not in a thread, so that a full disk is an error
  of the call that met it.

  Args:
    folder: for the files.
    step: at which the run resumes; what earlier files say of later steps is
      not shown.
  """

  def __init__(self, folder: str | os.PathLike[str], step: int):
    self._library = _tensorboard()
    self._folder = pathlib.Path(folder)
    self._folder.mkdir(parents=True, exist_ok=True)
    # Names sort by time; no two are the same, whatever the clock says.
    name = f"{int(time.time())}.{socket.gethostname()}.{uuid.uuid4().hex[:8]}"
    path = self._folder / f"events.out.tfevents.{name}"
    self._file = self._library.RecordWriter(str(path))
    self._add(file_version="brain.Event:2")
    log = self._library.proto.event_pb2.SessionLog
    self._add(step=step + 1, session_log=log(status=log.START))

  def write(self, step: int, values: Values) -> None:
    """As `Writer`. Raises OSError where the file cannot be written."""
    scalar = self._library.summary.scalar
    for name, value in values.items():
      if value is not None:
        self._add(step=step, summary=scalar(name, value))
    with self._explaining():
      self._file.flush()

  def picture(
      self, step: int, name: str, image: UInt8[np.ndarray, "h w 3"]
  ) -> None:
    """Adds an image."""
    shown = self._library.summary.image(name, image, dataformats="HWC")
    self._add(step=step, summary=shown)

  def __enter__(self):
    return self

  def __exit__(self, kind, *unused):
    try:
      with self._explaining():
        self._file.close()
    except OSError:
      if kind is None:
        raise

  def _add(self, **fields) -> None:
    event_type = self._library.proto.event_pb2.Event
    event = event_type(wall_time=time.time(), **fields)
    with self._explaining():
      self._file.write(event.SerializeToString())

  @contextlib.contextmanager
  def _explaining(self) -> Iterator[None]:
    try:
      yield
    except OSError as error:
      raise OSError(
          f"cannot write to {self._folder}: {error.strerror}"
      ) from error


def _number(value: float | None) -> str:
  return "-" if value is None else f"{value:.4g}"


def _tensorboard() -> types.ModuleType:
  """tensorboardX, which imports PyTorch where there is one: three seconds."""
  if "torch" in sys.modules:
    import tensorboardX
  else:
    sys.modules["torch"] = None
    try:
      import tensorboardX
    finally:
      del sys.modules["torch"]
  return tensorboardX
