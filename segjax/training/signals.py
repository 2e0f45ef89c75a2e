"""Ends a run between two steps when the machine asks for it."""

import signal

import jax

from segjax.training import distributed


class Stop:
  """SIGTERM and SIGINT become a question: `stop(step)`.

  A context manager that handles the two signals while it is open. A second
  SIGINT (Ctrl-C) ends the program at once. Over several processes all get the
  same answer at the same step, whichever of them was signalled.

  Attributes:
    received: the number of the signal that came, or None.
  """

  def __init__(self):
    self.received: int | None = None
    self._before = {}

  def __enter__(self):
    for name in (signal.SIGINT, signal.SIGTERM):
      self._before[name] = signal.signal(name, self._receive)
    return self

  def __exit__(self, *unused):
    for name, handler in self._before.items():
      signal.signal(name, handler)

  def __call__(self, step: int) -> bool:
    """Whether to stop now, `step` steps being done."""
    if jax.process_count() == 1:
      return self.received is not None
    agreed = distributed.agree_to_stop(step, self.received)
    self.received = agreed or self.received
    return agreed is not None

  def _receive(self, number, frame):
    del frame
    self.received = number
    if number == signal.SIGINT:
      signal.signal(signal.SIGINT, self._before[signal.SIGINT])
