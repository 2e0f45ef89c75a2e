"""A process that has imported the train binary, and forks a run in no time.

A run that is killed twenty times would spend most of its time importing. This
process imports, starts no thread and touches no device (it checks), and then
forks for every request: the child is `python -m experiments.train` with these
arguments, in a process of its own, and is killed and waited for as any other.

Requests and answers are lines of JSON on stdin and stdout:
{"argv": [...], "out": FILE, "fault": NAME} -> {"pid": PID};
{"wait": PID} -> {"status": STATUS}, negative for a signal;
{"look": PID} -> {"status": STATUS, or null while it runs}.
"""

import json
import os
import sys
import threading

sys.argv = sys.argv[:1]

from absl import flags  # noqa: E402

from experiments import cli, train  # noqa: E402
from experiments import config as config_lib  # noqa: E402
from tests.chaos import faults  # noqa: E402


def serve() -> None:
  """Answers until stdin ends; in a child, returns the arguments to run."""
  print(json.dumps({"ready": True}), flush=True)
  for line in sys.stdin:
    request = json.loads(line)
    if "argv" not in request:
      hang = 0 if "wait" in request else os.WNOHANG
      pid, status = os.waitpid(*request.values(), hang)
      answer = {"status": os.waitstatus_to_exitcode(status) if pid else None}
    else:
      assert threading.active_count() == 1, "a fork would lose the others"
      pid = os.fork()
      if not pid:
        run(**request)
      answer = {"pid": pid}
    print(json.dumps(answer), flush=True)


def run(argv: list[str], out: str, fault: str | None) -> None:
  """Becomes the train binary."""
  nothing = os.open(os.devnull, os.O_RDONLY)
  written = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
  for old, new in ((nothing, 0), (written, 1), (written, 2)):
    os.dup2(old, new)
  sys.argv = ["experiments.train", *argv]
  delattr(flags.FLAGS, "config")  # Now with those of the keys.
  config_lib.define_flags(argv)
  if fault:
    faults.install(fault)
  cli.run(train.main)


if __name__ == "__main__":
  serve()
