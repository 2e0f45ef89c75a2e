"""What is recomputed costs memory nothing and numbers nothing."""

import functools

import jax
import pytest

from segjax.training import remat
from segjax.training import step as step_lib
from tests.training import tiny

KEY = jax.random.key(7)


def lowered(pattern, size):
  state, options = tiny.parts()
  step = functools.partial(step_lib.train_step, **options, remat=pattern)
  return jax.jit(step), state, tiny.batch(size=size)


@functools.cache
def compiled(pattern, size):
  step, state, batch = lowered(pattern, size)
  options = {"xla_backend_optimization_level": 0}
  return step.lower(state, batch, KEY).compile(options)


def convolutions(pattern):
  """How many the step has, with those that it does again."""
  step, state, batch = lowered(pattern, 8)
  return str(jax.make_jaxpr(step)(state, batch, KEY)).count(
      "conv_general_dilated["
  )


@pytest.mark.parametrize(
    "pattern", (r"backbone/layer\d", r"backbone/layer\d@convolutions")
)
def test_less_memory_is_planned_for_the_same_result(pattern):
  """By the compiler's own account: a sixth less, of activations and all."""
  want, got = compiled("", 64), compiled(pattern, 64)
  before, after = (
      program.memory_analysis().temp_size_in_bytes for program in (want, got)
  )
  assert after < 0.9 * before
  _, state, batch = lowered(pattern, 64)
  tiny.assert_close(got(state, batch, KEY), want(state, batch, KEY), rtol=1e-4)


def test_a_policy_says_what_is_kept():
  once = convolutions("")
  assert convolutions(r"backbone/layer\d@nothing") > once
  assert convolutions(r"backbone/layer\d@convolutions") == once
  assert convolutions(r"backbone/layer\d") == convolutions(
      r"backbone/layer\d@nothing"
  )


def test_an_unknown_policy_is_an_error_that_lists_them():
  message = "no policy 'dots'; there are nothing, convolutions"
  with pytest.raises(ValueError, match=message), remat.stages("a@dots"):
    pass
