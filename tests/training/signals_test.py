"""SIGTERM and SIGINT become a question."""

import os
import signal

import pytest

from segjax.training import signals


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_a_signal_is_an_answer_and_not_the_end(number):
  before = signal.getsignal(number)
  with signals.Stop() as stop:
    assert not stop(0)
    os.kill(os.getpid(), number)
    assert stop(1)
    assert stop.received == number
  assert signal.getsignal(number) is before


def test_a_second_interrupt_ends_the_program():
  """As Python's own handler does; a background job may have been given none."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  try:
    with signals.Stop() as stop:
      os.kill(os.getpid(), signal.SIGINT)
      assert stop(0)
      with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
  finally:
    signal.signal(signal.SIGINT, before)
