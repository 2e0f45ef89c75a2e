"""Checkpoints come back bit for bit, or say why they do not."""

import functools
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.training import checkpoint, records
from segjax.training import state as state_lib
from segjax.training import step as step_lib
from tests.training import tiny


@pytest.fixture(scope="module")
def parts():
  return tiny.parts()


def at(state, step):
  """A state that differs from those of other steps in every leaf."""
  state = jax.tree.map(lambda x: x + step, state)
  return state.replace(step=jnp.int32(step))


def like(state):
  device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  return jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), state
  )


def save(workdir, state, steps, **options):
  with checkpoint.Checkpoints(workdir, **options) as checkpoints:
    for step in steps:
      checkpoints.save(at(state, step))
      checkpoints.wait()


def restore(workdir, state):
  with checkpoint.Checkpoints(workdir) as checkpoints:
    return checkpoints.restore(like(state))


def kept(workdir):
  folder = workdir / checkpoint.FOLDER
  return sorted(int(path.name) for path in folder.iterdir())


def test_the_latest_state_comes_back_to_the_last_bit(tmp_path, parts):
  state, _ = parts
  save(tmp_path, state, (3, 7))
  tiny.assert_same(restore(tmp_path, state), at(state, 7))


def test_moving_averages_are_saved_where_there_are_some(tmp_path, parts):
  state, _ = parts
  averages = {"params": state.params, "batch_stats": state.batch_stats}
  state = state.replace(ema=jax.tree.map(lambda x: 2 * x, averages))
  save(tmp_path, state, (1,))
  tiny.assert_same(restore(tmp_path, state), at(state, 1))
  got = checkpoint.restore_variables(tmp_path)
  tiny.assert_same(got, at(state, 1).ema)
  got = checkpoint.restore_variables(tmp_path, averaged=False)
  tiny.assert_same(got["params"], at(state, 1).params)


def test_a_new_workdir_has_no_state(tmp_path, parts):
  assert restore(tmp_path / "new", parts[0]) is None


def test_the_latest_and_the_best_are_kept(tmp_path, parts):
  scores = {1: 0.25, 2: 0.75, 3: 0.5, 4: 0.75}
  with checkpoint.Checkpoints(tmp_path, keep=2) as checkpoints:
    for step in range(1, 7):
      checkpoints.save(at(parts[0], step))
      checkpoints.wait()
      if step in scores:
        value = {checkpoint.SCORE: scores[step]}
        records.Records(tmp_path).write(step, value)
  assert kept(tmp_path) == [2, 5, 6]
  assert checkpoint.find_step(tmp_path, "best") == 2
  assert checkpoint.find_step(tmp_path, "last") == 6
  assert checkpoint.find_step(tmp_path, 5) == 5


def test_the_best_is_the_last_where_nothing_was_evaluated(tmp_path, parts):
  save(tmp_path, parts[0], (1, 2))
  assert checkpoint.find_step(tmp_path, "best") == 2


def test_a_step_is_saved_once(tmp_path, parts):
  state, _ = parts
  save(tmp_path, state, (3,))
  with checkpoint.Checkpoints(tmp_path) as checkpoints:
    checkpoints.save(at(state, 3).replace(batch_stats=state.batch_stats))
  tiny.assert_same(restore(tmp_path, state), at(state, 3))


def test_a_step_that_takes_the_buffers_over_does_not_reach_the_file(
    tmp_path, parts
):
  """The step donates its input while the checkpoint is still being written."""
  state, options = parts
  step = functools.partial(step_lib.train_step, **options)
  step = jax.jit(step, donate_argnums=0)
  state = jax.tree.map(jnp.copy, state)
  with checkpoint.Checkpoints(tmp_path) as checkpoints:
    for i in range(1, 6):
      state, _ = step(state, tiny.batch(i), jax.random.key(0))
      if i == 2:
        want = jax.tree.map(np.array, state)
        checkpoints.save(state)
  tiny.assert_same(jax.tree.map(np.asarray, restore(tmp_path, state)), want)


def truncate_data(folder):
  for path in folder.rglob("d/*"):
    path.write_bytes(path.read_bytes()[:20])


def remove_data(folder):
  for path in folder.rglob("d/*"):
    path.unlink()


def garble_data(folder):
  for path in folder.rglob("d/*"):
    content = bytearray(path.read_bytes())
    for i in range(0, len(content), 7):
      content[i] ^= 0x55
    path.write_bytes(bytes(content))


def empty_metadata(folder):
  (folder / "default" / "_METADATA").write_text("")


def remove_metadata(folder):
  (folder / "default" / "_METADATA").unlink()


def remove_items(folder):
  shutil.rmtree(folder / "default")


@pytest.mark.parametrize(
    "damage",
    (
        truncate_data,
        remove_data,
        garble_data,
        empty_metadata,
        remove_metadata,
        remove_items,
    ),
)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path, parts, damage, capsys
):
  state, _ = parts
  save(tmp_path, state, (3, 7))
  damage(tmp_path / checkpoint.FOLDER / "7")
  with pytest.raises(ValueError, match="7 is damaged"):
    checkpoint.restore_variables(tmp_path, "last")
  tiny.assert_same(restore(tmp_path, state), at(state, 3))
  assert "checkpoint of step 7 is damaged" in capsys.readouterr().err
  assert (tmp_path / "damaged" / "7").is_dir()
  save(tmp_path, state, (7,))
  tiny.assert_same(restore(tmp_path, state), at(state, 7))


def test_a_checkpoint_of_another_model_is_an_error_and_stays(tmp_path, parts):
  state, _ = parts
  save(tmp_path, state, (3,))
  other, _ = tiny.parts(tiny.Net(num_classes=5))
  with pytest.raises(
      checkpoint.MismatchError, match=r"aux_head/bias: saved \(3,\), wanted"
  ):
    restore(tmp_path, other)
  with pytest.raises(checkpoint.MismatchError, match="optimizer"):
    restore(tmp_path, tiny.parts(name="adamw")[0])
  assert kept(tmp_path) == [3]


def test_variables_come_back_as_numpy_and_are_compared(tmp_path, parts):
  state, options = parts
  save(tmp_path, state, (3,))
  image = jnp.zeros((1, 8, 8, 3))
  init = functools.partial(options["model"].init, train=False)
  shapes = jax.eval_shape(init, jax.random.key(0), image)
  got = checkpoint.restore_variables(tmp_path, like=shapes)
  tiny.assert_same(got["params"], at(state, 3).params)
  tiny.assert_same(got["batch_stats"], at(state, 3).batch_stats)
  assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(got))
  other = functools.partial(tiny.Net(num_classes=5).init, train=False)
  shapes = jax.eval_shape(other, jax.random.key(0), image)
  with pytest.raises(checkpoint.MismatchError, match="another model"):
    checkpoint.restore_variables(tmp_path, like=shapes)


def test_what_is_not_there_is_an_error_that_says_what_is(tmp_path, parts):
  with pytest.raises(FileNotFoundError, match="no workdir"):
    checkpoint.restore_variables(tmp_path / "no")
  with pytest.raises(FileNotFoundError, match="has no checkpoint"):
    checkpoint.restore_variables(tmp_path)
  save(tmp_path, parts[0], (3, 7))
  with pytest.raises(ValueError, match="no checkpoint 5; there are 3, 7"):
    checkpoint.restore_variables(tmp_path, 5)
  assert checkpoint.find_step(tmp_path, "3") == 3


def test_abstract_states_have_the_shapes_of_real_ones(parts):
  _, options = parts
  for ema in (False, True):
    arguments = (options["model"], options["tx"])
    abstract = state_lib.abstract_state(*arguments, (1, 8, 8, 3), ema=ema)
    real = state_lib.init_state(
        *arguments, jax.random.key(0), (1, 8, 8, 3), ema=ema
    )
    assert jax.tree.structure(abstract) == jax.tree.structure(real)
    for a, b in zip(jax.tree.leaves(abstract), jax.tree.leaves(real)):
      assert (a.shape, a.dtype) == (b.shape, b.dtype)
