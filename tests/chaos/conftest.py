"""The process that runs are started from."""

import pytest

from tests.chaos import runs


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
  """With the run "whole", which nobody disturbed."""
  folder = tmp_path_factory.mktemp("runs")
  with runs.Warm(folder) as warm:
    whole = warm.start("whole")
    assert whole.wait() == 0, whole.out
    yield warm
