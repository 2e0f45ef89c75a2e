"""Starts the binaries as a user does."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def run(name, *arguments, status=0):
  """What `python -m experiments.NAME` printed, and what it complained of."""
  done = subprocess.run(
      [sys.executable, "-m", f"experiments.{name}", *map(str, arguments)],
      cwd=ROOT,
      capture_output=True,
      check=False,
  )
  # Not in text mode, which takes the returns of a progress line for lines.
  out, err = done.stdout.decode(), done.stderr.decode()
  assert done.returncode == status, out + err
  return out, err
