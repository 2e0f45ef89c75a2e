"""The examples in docstrings give what they say."""

import doctest
import importlib
import inspect
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import losses

ROOT = pathlib.Path(__file__).parent.parent

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "segjax").rglob("*.py"))
    if "\n  >>> " in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
  found = doctest.testmod(
      importlib.import_module(name),
      extraglobs={"jax": jax, "jnp": jnp, "np": np},
      optionflags=doctest.NORMALIZE_WHITESPACE,
  )
  assert found.attempted
  assert not found.failed


def test_each_loss_has_an_example():
  for name in losses.__all__:
    function = getattr(losses, name)
    if inspect.isfunction(function) and name != "combine":
      assert ">>>" in function.__doc__, name
