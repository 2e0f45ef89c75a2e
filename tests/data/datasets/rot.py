"""Bytes that have rotted, for tests of the readers.

SEGJAX_FUZZ=1000 in the environment draws as many examples, other ones each
time; 30 that are always the same are drawn without it.
"""

import os

import hypothesis
from hypothesis import strategies as st

SETTINGS = hypothesis.settings(
    max_examples=int(os.environ.get("SEGJAX_FUZZ", "30")),
    deadline=None,
    derandomize="SEGJAX_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def rot(data, content):
  """Some bytes changed, and perhaps the end cut off."""
  content = bytearray(content)
  for _ in range(data.draw(st.integers(1, 6))):
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255))
  keep = data.draw(st.sampled_from((1.0, 1.0, 0.99, 0.5)))
  return bytes(content[: int(keep * len(content))])


def read_or_refused(call, name):
  """The value of a call, or None where it refuses what `name` is."""
  try:
    return call()
  except ValueError as error:
    message = str(error)
  assert name in message
