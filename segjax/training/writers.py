"""Where the numbers of a run go: the screen, TensorBoard, metrics.jsonl.

`records.Records` is the third writer.
"""

from collections.abc import Mapping
import datetime
import os
import sys
import types
from typing import Protocol

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

  Args:
    folder: for the files.
    step: at which the run resumes; what earlier files say of later steps is
      not shown.
  """

  def __init__(self, folder: str | os.PathLike[str], step: int):
    library = _tensorboard()
    self._writer = library.SummaryWriter(str(folder), purge_step=step + 1)

  def write(self, step: int, values: Values) -> None:
    """As `Writer`."""
    for name, value in values.items():
      if value is not None:
        self._writer.add_scalar(name, value, step)

  def picture(
      self, step: int, name: str, image: UInt8[np.ndarray, "h w 3"]
  ) -> None:
    """Adds an image."""
    self._writer.add_image(name, image, step, dataformats="HWC")

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    self._writer.close()


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
