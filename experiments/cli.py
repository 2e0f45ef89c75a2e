"""Runs a binary so that a user's mistake is one line, not a trace-back."""

from collections.abc import Callable, Sequence
import sys
from typing import Any, NoReturn

from absl import app, flags, logging

flags.DEFINE_bool(
    "debug", False, "Shows the trace-back of an error instead of one line."
)
_MISTAKES = (ValueError, OSError, flags.Error)


def run(main: Callable[[Sequence[str]], Any]) -> NoReturn:
  """Runs main(argv) under absl and exits: 0 if it returned, 1 if it failed.

  A flag that cannot be parsed, a ValueError or an OSError (such as
  FileNotFoundError) becomes one line "error: ..." on stderr; any other
  exception is a defect of ours and keeps its trace-back. --debug shows the
  trace-back in any case.

  Args:
    main: the binary; its return value is not used. It is called with what is
      left of the command line after the flags, the program's name first.
  """
  if "--debug" in sys.argv:
    app.run(lambda argv: _discard(main(argv)))
  try:
    app.run(lambda argv: _discard(main(argv)), flags_parser=_parse)
  except _MISTAKES as error:
    _fail(error)
  except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
    sys.exit(130)
  sys.exit(0)


def _discard(_: Any) -> None:
  """Keeps a return value from absl, which would exit with it."""


def _parse(argv: Sequence[str]) -> Sequence[str]:
  if any(a in ("--help", "-help", "--helpfull", "--helpshort") for a in argv):
    return app.parse_flags_with_usage(argv)
  remaining = flags.FLAGS(argv)
  if flags.FLAGS["verbosity"].using_default_value:
    logging.set_verbosity(logging.WARNING)  # Libraries chat on INFO.
  return remaining


def _fail(error: Exception) -> NoReturn:
  text = " ".join(str(error).split()) or type(error).__name__
  print(f"error: {text}", file=sys.stderr)
  sys.exit(1)
