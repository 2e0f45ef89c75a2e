"""Silences complaints of Orbax whose errors are raised as well.

A checkpoint that cannot be written fails in a thread of Orbax, which logs the
trace-back and hands the error on. Threads of TensorStore that it leaves behind
then print one each, as they find their event loop closed. It also logs a
metadata file that it cannot read, which our checksums find.
"""

import logging
import sys

_LOGGERS = ("absl", "asyncio", "concurrent.futures")
_NEVER_RETRIEVED = (
    "Future exception was never retrieved",
    "Task exception was never retrieved",
)
_before = []


def silence() -> None:
  """From now on; each call is undone by one of `speak`."""
  _before.append(sys.unraisablehook)
  sys.unraisablehook = _hook
  for name in _LOGGERS:
    logging.getLogger(name).addFilter(_is_news)


def speak() -> None:
  """Undoes `silence`."""
  sys.unraisablehook = _before.pop()
  if not _before:
    for name in _LOGGERS:
      logging.getLogger(name).removeFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
  error = record.exc_info and record.exc_info[1]
  text = record.getMessage()
  return not (
      ("orbax" in record.pathname and (error or "Metadata file" in text))
      or text.startswith(_NEVER_RETRIEVED)
      or (error and _is_left_behind(error))
  )


def _hook(unraisable) -> None:
  if not _is_left_behind(unraisable.exc_value):
    _before[0](unraisable)


def _is_left_behind(error: BaseException) -> bool:
  return isinstance(error, RuntimeError) and "loop is closed" in str(error)
