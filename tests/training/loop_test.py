"""The loop stops where it should, and saves only what is sound."""

import errno
import functools
import itertools

import jax
import numpy as np
import pytest

from segjax.training import loop
from segjax.training import step as step_lib
from tests.training import tiny


class Spy:
  """A hook due at some steps, which notes what it saw."""

  def __init__(self, steps, raises=None):
    self.steps, self.raises, self.moments, self.begun = steps, raises, [], None

  def start(self, state):
    self.begun = int(state.step)

  def due(self, step):
    return step in self.steps

  def __call__(self, moment):
    assert int(moment.state.step) == moment.step
    self.moments.append(moment)
    if self.raises:
      raise self.raises


@pytest.fixture(scope="module")
def step_fn():
  _, options = tiny.parts()
  step = jax.jit(functools.partial(step_lib.train_step, **options))
  return lambda state, batch: step(state, batch, jax.random.key(0))


def batches(start=0):
  return (tiny.batch(i) for i in itertools.count(start))


def test_it_trains_to_the_last_step_and_calls_the_hooks_that_are_due(
    tmp_path, step_fn
):
  state, _ = tiny.parts()
  spy = Spy((2, 5))
  after, complete = loop.train(
      state, batches(), step_fn, total_steps=5, workdir=tmp_path, hooks=[spy]
  )
  assert complete
  assert int(after.step) == 5
  assert spy.begun == 0
  assert [moment.step for moment in spy.moments] == [2, 5]
  assert spy.moments[0].seconds < spy.moments[1].seconds
  assert {"loss", "grad_norm"} <= set(spy.moments[0].values)


def test_two_halves_make_the_whole_to_the_last_bit(tmp_path, step_fn):
  state, _ = tiny.parts()
  train = functools.partial(loop.train, workdir=tmp_path)
  whole, _ = train(state, batches(), step_fn, total_steps=6)
  half, _ = train(state, batches(), step_fn, total_steps=3)
  again, _ = train(half, batches(3), step_fn, total_steps=6)
  tiny.assert_same(again, whole)


@pytest.mark.parametrize("bad", ("loss", "grad_norm", "param_norm"))
@pytest.mark.parametrize("due", ((), (3,), (4,)))
def test_a_nan_stops_the_run_before_any_hook_and_keeps_its_batch(
    tmp_path, step_fn, bad, due
):
  state, _ = tiny.parts()

  def poisoned(state, batch):
    state, metrics = step_fn(state, batch)
    if state.step == 3:
      metrics[bad] = np.float32("nan")
    return state, metrics

  spy = Spy(due)
  with pytest.raises(loop.NonFiniteError, match=f"step 3: {bad} = nan"):
    loop.train(
        state,
        batches(),
        poisoned,
        total_steps=9,
        workdir=tmp_path,
        hooks=[spy],
    )
  assert not spy.moments
  saved = np.load(tmp_path / "bad_batch_3_0.npz")
  for name, value in tiny.batch(2).items():
    np.testing.assert_array_equal(saved[name], value)


def test_a_batch_that_cannot_be_kept_does_not_hide_the_nan(
    tmp_path, step_fn, monkeypatch
):
  """As on a full disk."""

  def refuse(*unused, **also_unused):
    raise OSError(errno.ENOSPC, "No space left on device")

  monkeypatch.setattr(loop.np, "savez", refuse)
  state, _ = tiny.parts()
  bad = lambda state, batch: (state, {"loss": np.float32("nan")})
  with pytest.raises(
      loop.NonFiniteError, match=r"could not be kept \(No space"
  ):
    loop.train(state, batches(), bad, total_steps=1, workdir=tmp_path)


def test_a_nan_in_the_last_step_is_found_too(tmp_path, step_fn):
  state, _ = tiny.parts()
  infinite = lambda state, batch: (
      step_fn(state, batch)[0],
      {"loss": np.float32("inf")},
  )
  with pytest.raises(loop.NonFiniteError, match="step 1: loss = inf"):
    loop.train(state, batches(), infinite, total_steps=1, workdir=tmp_path)


def test_it_stops_between_two_steps_when_it_is_asked_to(tmp_path, step_fn):
  state, _ = tiny.parts()
  after, complete = loop.train(
      state,
      batches(),
      step_fn,
      total_steps=5,
      workdir=tmp_path,
      stop=lambda step: step == 2,
  )
  assert not complete
  assert int(after.step) == 2


def test_a_hook_that_is_interrupted_stops_it_too(tmp_path, step_fn):
  state, _ = tiny.parts()
  spies = [Spy((3,)), Spy((3,), raises=loop.Stopped()), Spy((3,))]
  after, complete = loop.train(
      state, batches(), step_fn, total_steps=5, workdir=tmp_path, hooks=spies
  )
  assert not complete
  assert int(after.step) == 3
  assert [len(spy.moments) for spy in spies] == [1, 1, 0]


def test_a_run_that_is_done_does_nothing(tmp_path, step_fn):
  state, _ = tiny.parts()
  state = state.replace(step=state.step + 5)
  after, complete = loop.train(
      state, iter(()), step_fn, total_steps=5, workdir=tmp_path
  )
  assert complete
  assert after is state
