"""One training step is a pure function, however it is cut or cast."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from segjax import layers
from segjax.training import remat
from segjax.training import step as step_lib
from tests.training import tiny

KEY = jax.random.key(7)


def compiled(options, **more):
  step = jax.jit(functools.partial(step_lib.train_step, **options, **more))
  return lambda state, batch: step(state, batch, KEY)


def run(state, batch, options, **more):
  return compiled(options, **more)(state, batch)


def test_the_same_input_gives_the_same_result_to_the_last_bit():
  state, options = tiny.parts(tiny.Net(dropout_rate=0.5))
  step = compiled(options)
  tiny.assert_same(step(state, tiny.batch()), step(state, tiny.batch()))


def test_dropout_draws_anew_at_each_step():
  state, options = tiny.parts(tiny.Net(dropout_rate=0.5))
  step = compiled(options)
  _, first = step(state, tiny.batch())
  _, second = step(state.replace(step=state.step + 1), tiny.batch())
  assert first["loss"] != second["loss"]


def test_steps_lower_the_loss_and_move_every_part_of_the_state():
  state, options = tiny.parts()
  step = compiled(options)
  first, metrics = step(state, tiny.batch())
  last = first
  for _ in range(30):
    last, later = step(last, tiny.batch())
  assert later["loss"] < 0.8 * metrics["loss"]
  assert int(first.step) == 1
  for name in ("params", "batch_stats", "opt_state"):
    before, after = getattr(state, name), getattr(first, name)
    for a, b in zip(tiny.leaves(before), tiny.leaves(after)):
      assert not np.array_equal(a, b), name


def test_the_metrics_have_the_terms_the_norms_and_the_learning_rate():
  state, options = tiny.parts()
  schedule = lambda step: 0.5 * (step + 1)
  after, metrics = run(state, tiny.batch(), options, schedule=schedule)
  names = {"loss", "loss/logits", "loss/aux", "grad_norm", "param_norm"}
  assert set(metrics) == names | {"learning_rate"}
  assert metrics["learning_rate"] == 0.5
  want = metrics["loss/logits"] + 0.4 * metrics["loss/aux"]
  np.testing.assert_allclose(metrics["loss"], want, rtol=1e-6)
  np.testing.assert_allclose(
      metrics["param_norm"], tiny.global_norm(after.params), rtol=1e-6
  )


@pytest.mark.parametrize("microbatches", (2, 4))
def test_accumulation_equals_the_large_batch_without_batch_norm(microbatches):
  """The images have very different numbers of labelled pixels."""
  state, options = tiny.parts(tiny.Net(norm=layers.Identity))
  want = run(state, tiny.batch(), options)
  got = run(state, tiny.batch(), options, microbatches=microbatches)
  tiny.assert_close(got, want)


def test_accumulation_updates_the_running_statistics_once_per_part():
  state, options = tiny.parts()
  batch = tiny.batch()
  got, _ = run(state, batch, options, microbatches=2)
  want = state
  tx = optax.set_to_zero()
  want = want.replace(opt_state=tx.init(state.params))
  still = compiled(options | {"tx": tx})
  for i in range(2):
    want, _ = still(want, {name: value[i::2] for name, value in batch.items()})
  tiny.assert_close(got.batch_stats, want.batch_stats)


def test_accumulation_refuses_a_batch_that_it_cannot_cut_evenly():
  state, options = tiny.parts()
  with pytest.raises(ValueError, match="4 images cannot be cut into 3"):
    run(state, tiny.batch(), options, microbatches=3)


def test_bfloat16_computes_in_bfloat16_and_keeps_float32_weights():
  state, options = tiny.parts()
  seen = []

  def loss_fn(outputs, labels):
    seen.append(outputs["logits"].dtype)
    return options["loss_fn"](outputs, labels)

  spied = options | {"loss_fn": loss_fn}
  got, metrics = run(state, tiny.batch(), spied, dtype=jnp.bfloat16)
  want, exact = run(state, tiny.batch(), options)
  assert seen == [jnp.bfloat16]
  assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(got.params))
  dtypes = functools.partial(jax.tree.map, lambda x: x.dtype)
  assert dtypes(got) == dtypes(want)
  np.testing.assert_allclose(metrics["loss"], exact["loss"], rtol=0.02)
  np.testing.assert_allclose(metrics["grad_norm"], exact["grad_norm"], rtol=0.1)


def test_the_moving_average_starts_fast_and_holds_statistics_too():
  """At step 0 TensorFlow's rule gives a decay of (1 + 0) / (10 + 0)."""
  state, options = tiny.parts()
  start = {"params": state.params, "batch_stats": state.batch_stats}
  step = compiled(options, ema_decay=0.9)
  after, _ = step(state.replace(ema=start), tiny.batch())
  latest = {"params": after.params, "batch_stats": after.batch_stats}
  want = jax.tree.map(lambda a, b: 0.1 * a + 0.9 * b, start, latest)
  tiny.assert_close(after.ema, want)
  assert after.variables is after.ema
  late = state.replace(ema=start, step=jnp.int32(10**6))
  after, _ = step(late, tiny.batch())
  latest = {"params": after.params, "batch_stats": after.batch_stats}
  want = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, start, latest)
  tiny.assert_close(after.ema, want)


@pytest.mark.parametrize(
    "pattern", (r"backbone/layer\d", "backbone", "dropout")
)
def test_recomputed_stages_change_no_number(pattern):
  state, options = tiny.parts(tiny.Net(dropout_rate=0.5))
  want = run(state, tiny.batch(), options)
  got = run(state, tiny.batch(), options, remat=pattern)
  tiny.assert_close(got, want, rtol=1e-4)


def test_each_matching_stage_is_checkpointed_once():
  state, options = tiny.parts()

  def checkpoints(pattern):
    step = functools.partial(step_lib.train_step, **options, remat=pattern)
    program = str(jax.make_jaxpr(step)(state, tiny.batch(), KEY))
    return program.count("checkpoint[") + program.count("remat2[")

  assert checkpoints("") == 0
  # Seen in the forward pass, and differentiated in the backward pass.
  assert checkpoints(r"backbone/layer1") > 0
  twice = 2 * checkpoints(r"backbone/layer1")
  assert checkpoints(r"backbone/layer\d") == twice


def test_an_unknown_stage_is_an_error_that_lists_the_stages():
  state, options = tiny.parts()
  with pytest.raises(ValueError, match=r"backbone/layer1, backbone/layer2"):
    run(state, tiny.batch(), options, remat="backbone/stage1")
  with remat.stages(""):
    pass


def test_a_map_of_weights_in_the_batch_weighs_the_pixels():
  """Pixels of weight 0 teach as little as those without a label do."""
  state, options = tiny.parts()
  batch = tiny.batch()
  half = np.ones(batch["label"].shape, np.float32)
  half[:, :, 4:] = 0
  void = np.where(half == 0, 255, batch["label"]).astype(np.uint8)
  share = np.sum(void != 255) / np.sum(batch["label"] != 255)
  _, got = run(state, batch | {"weight": half}, options)
  _, want = run(state, batch | {"label": void}, options)
  np.testing.assert_allclose(got["loss"], want["loss"] * share, rtol=1e-5)
  _, ones = run(state, batch | {"weight": np.ones_like(half)}, options)
  _, plain = run(state, batch, options)
  np.testing.assert_allclose(ones["loss"], plain["loss"], rtol=1e-6)
