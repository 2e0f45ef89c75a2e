"""A fixture for tests of harmful files."""

import pathlib
import resource
import time

import pytest


@pytest.fixture
def little_memory():
  """Half a gigabyte more than there is now is all that may be mapped."""
  pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
  limits = resource.getrlimit(resource.RLIMIT_AS)
  now = pages * resource.getpagesize() + (1 << 29)
  resource.setrlimit(resource.RLIMIT_AS, (now, limits[1]))
  start = time.monotonic()
  yield
  resource.setrlimit(resource.RLIMIT_AS, limits)
  assert time.monotonic() - start < 30
