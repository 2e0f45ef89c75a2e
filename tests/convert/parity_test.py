"""The reference's weights give the reference's numbers."""

import pytest

from segjax import convert
from tests import variables as draws
from tests.convert import golden

LIMIT = 1e-4
"""Of the reference's standard deviation; PyTorch's own error is some 3e-6."""


def cases():
  """Every golden file; large ones, and deep ones to compile, are heavy."""
  for path in golden.files():
    reference = golden.load(path)
    heavy = reference.parameters > 30e6 or len(reference.names) > 1000
    yield pytest.param(
        path, id=path.stem, marks=[pytest.mark.heavy] if heavy else []
    )


@pytest.mark.parametrize("path", cases())
def test_outputs_are_the_reference_s(path):
  """Loaded by name, every compared output is within 1e-4 of the reference."""
  reference = golden.load(path)
  model, variables = convert.load(reference.source, reference.tensors())
  outputs = draws.forward(model, variables, reference.image())
  for key, error in reference.errors(outputs).items():
    assert error < LIMIT, f"{key} is {error:.1e} standard deviations off"
