"""A user's mistake is one line and status 1; a defect keeps its trace-back."""

import subprocess
import sys

import pytest

BINARY = """
from absl import flags
from experiments import cli

flags.DEFINE_integer("number", 1, "")


def main(argv):
  {body}


cli.run(main, arguments=True)
"""


def run(body, *flags):
  done = subprocess.run(
      [sys.executable, "-c", BINARY.format(body=body), *flags],
      capture_output=True,
      text=True,
  )
  return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def test_a_return_is_status_zero_whatever_the_value():
  assert run("print(argv[1:]); return 7", "a", "b") == (0, ["['a', 'b']"], [])


def test_an_argument_that_is_no_flag_is_named_where_none_is_taken():
  binary = "from experiments import cli; cli.run(lambda: print('reached'))"
  done = subprocess.run(
      [sys.executable, "-c", binary, "surplus"], capture_output=True, text=True
  )
  assert (done.returncode, done.stdout) == (1, "")
  assert done.stderr.startswith("error: cannot read 'surplus'")


@pytest.mark.parametrize(
    "body, line",
    [
        ("raise ValueError('no such\\n  thing')", "error: no such thing"),
        ("open('nowhere')", "error: [Errno 2] No such file or directory: 'now"),
        ("raise FileExistsError('there already')", "error: there already"),
        ("raise ValueError", "error: ValueError"),
    ],
)
def test_a_mistake_is_one_line(body, line):
  status, out, (err,) = run(body)
  assert (status, out) == (1, [])
  assert err.startswith(line)


@pytest.mark.parametrize(
    "flag, words",
    [
        ("--nmber=3", ("nmber", "number")),
        ("--number=many", ("many",)),
    ],
)
def test_a_flag_that_cannot_be_is_one_line_that_names_it(flag, words):
  status, out, (err,) = run("print('reached')", flag)
  assert (status, out) == (1, [])
  assert err.startswith("error: ")
  assert all(word in err for word in words), err


@pytest.mark.parametrize("error", ("RuntimeError", "TypeError", "KeyError"))
def test_a_defect_of_ours_is_not_hidden(error):
  status, _, err = run(f"raise {error}('bug')")
  assert status == 1
  assert any("Traceback" in line for line in err)


def test_debug_shows_where_a_mistake_was_found():
  status, _, err = run("raise ValueError('mistake')", "--debug")
  assert status == 1
  assert any("Traceback" in line for line in err)
  assert "ValueError: mistake" in err
