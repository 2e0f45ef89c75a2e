"""Hooks act at their steps and hand the numbers on."""

import types

import numpy as np
import pytest

from segjax.training import checkpoint, hooks, loop, pictures, records, writers


class Page:
  """A writer that remembers."""

  def __init__(self):
    self.lines = []

  def write(self, step, values):
    self.lines.append((step, dict(values)))


def state(step):
  return types.SimpleNamespace(step=step)


def moment(step, seconds=0.0, **values):
  return loop.Moment(step, state(step), values, seconds)


def due(hook, last):
  return [step for step in range(1, last + 1) if hook.due(step)]


def test_a_periodic_hook_is_due_at_multiples_and_at_the_end():
  assert due(hooks.Periodic(4, 10), 10) == [4, 8, 10]
  assert due(hooks.Periodic(0, 10), 10) == []


def test_log_writes_values_and_the_speed_since_the_last_time():
  page = Page()
  log = hooks.Log(5, 20, 8, [page])
  log.start(state(10))
  log(moment(15, seconds=4.0, loss=0.5))
  log(moment(20, seconds=5.0, loss=0.25))
  assert page.lines == [
      (15, {"loss": 0.5, "images_per_second": 10.0}),
      (20, {"loss": 0.25, "images_per_second": 40.0}),
  ]


def test_save_is_due_where_the_evaluation_is_and_at_the_end():
  saved = []
  store = types.SimpleNamespace(save=saved.append)
  save = hooks.Save(4, 11, store, also=hooks.Periodic(3, 11))
  assert due(save, 11) == [3, 4, 6, 8, 9, 11]
  assert due(hooks.Save(0, 11, store, also=hooks.Periodic(0, 11)), 11) == [11]
  save(moment(4))
  assert [s.step for s in saved] == [4]


@pytest.fixture
def recorded(tmp_path):
  return records.Records(tmp_path)


def evaluation(recorded, page):
  figures = lambda state: {"miou": 0.25 * state.step, "iou/road": None}
  return hooks.Evaluate(2, 5, figures, [page, recorded], recorded)


def test_evaluate_writes_under_eval(recorded):
  page = Page()
  evaluation(recorded, page)(moment(2))
  assert page.lines == [(2, {"eval/miou": 0.5, "eval/iou/road": None})]
  assert recorded.scores(checkpoint.SCORE) == {2: 0.5}


@pytest.mark.parametrize("step, want", ((0, []), (2, [2]), (3, []), (5, [5])))
def test_a_run_resumed_where_its_evaluation_is_missing_evaluates_first(
    recorded, step, want
):
  page = Page()
  evaluation(recorded, page).start(state(step))
  assert [line[0] for line in page.lines] == want
  evaluation(recorded, page).start(state(step))
  assert [line[0] for line in page.lines] == want


def test_profile_records_the_steps_asked_for(tmp_path):
  profile = hooks.Profile(3, 4, tmp_path)
  profile.start(state(0))
  assert due(profile, 9) == [2, 4]
  profile(moment(2))
  profile(moment(4))
  assert list(tmp_path.rglob("*.xplane.pb"))
  assert due(hooks.Profile(0, 0, tmp_path), 9) == []


def test_the_console_says_where_the_run_is(capsys):
  console = writers.Console(100, 8)
  console.write(
      40, {"loss": 0.5, "learning_rate": 0.01, "images_per_second": 4.0}
  )
  console.write(40, {"eval/miou": 0.5, "eval/fwiou": None, "eval/iou/x": 0.1})
  assert capsys.readouterr().out.splitlines() == [
      "step 40/100  loss 0.5  learning_rate 0.01  4.0 images/s  ETA 0:02:00",
      "step 40/100  miou 0.5  fwiou -",
  ]


def test_tensorboard_files_hold_numbers_and_pictures(tmp_path):
  with writers.TensorBoard(tmp_path, 0) as board:
    board.write(1, {"loss": 0.5, "eval/iou/road": None})
    board.picture(1, "predictions/0", np.zeros((4, 6, 3), np.uint8))
  (file,) = tmp_path.iterdir()
  content = file.read_bytes()
  assert b"loss" in content
  assert b"predictions/0" in content
  assert b"road" not in content


def test_a_picture_has_image_truth_and_prediction_side_by_side():
  image = np.full((5, 7, 3), 100, np.uint8)
  colours = np.zeros((256, 3), np.uint8)
  colours[1] = (200, 0, 100)
  ones = np.ones((5, 7), np.int32)
  picture = pictures.side_by_side(image, 255 * ones, ones, colours)
  assert picture.shape == (5, 3 * 7 + 8, 3)
  assert picture.dtype == np.uint8
  np.testing.assert_array_equal(picture[:, :7], image)
  assert picture[0, 11].tolist() == [40, 40, 40]
  assert picture[0, -1].tolist() == [160, 40, 100]
