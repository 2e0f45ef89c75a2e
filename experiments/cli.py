"""Runs a binary so that a user's mistake is one line, not a trace-back."""

from collections.abc import Callable, Sequence
import sys
import traceback
from typing import Any, NoReturn

from absl import app, flags, logging

flags.DEFINE_bool(
    "debug", False, "Shows the trace-back of an error instead of one line."
)
_MISTAKES = (ValueError, OSError, flags.Error)


def run(main: Callable[..., Any], *, arguments: bool = False) -> NoReturn:
  """Runs a binary under absl and exits: 0 if it returned, 1 if it failed.

  A flag that cannot be parsed, a ValueError or an OSError (such as
  FileNotFoundError) becomes one line "error: ..." on stderr; any other
  exception is a defect of ours and keeps its trace-back. --debug shows the
  trace-back in any case.

  Args:
    main: the binary; its return value is not used.
    arguments: whether it takes arguments that are no flags. They are given to
      `main`, the program's name first.
  """

  def call(argv: Sequence[str]) -> None:
    if argv[1:] and not arguments:
      raise ValueError(f"cannot read {argv[1]!r}: every argument is a --flag")
    main(*([argv] if arguments else []))

  if "--debug" in sys.argv:
    app.run(call)
  try:
    app.run(call, flags_parser=_parse)
  except _MISTAKES as error:
    report(error)
    sys.exit(1)
  except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
    sys.exit(130)
  sys.exit(0)


def _parse(argv: Sequence[str]) -> Sequence[str]:
  if any(a in ("--help", "-help", "--helpfull", "--helpshort") for a in argv):
    return app.parse_flags_with_usage(argv)
  remaining = flags.FLAGS(argv)
  if flags.FLAGS["verbosity"].using_default_value:
    logging.set_verbosity(logging.WARNING)  # Libraries chat on INFO.
  return remaining


def report(error: Exception) -> None:
  """Prints a user's mistake as one line, any other error as a trace-back."""
  if isinstance(error, _MISTAKES) and "--debug" not in sys.argv:
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"error: {text}", file=sys.stderr)
  else:
    traceback.print_exception(error)
