"""The forms that are timed are one convolution, and their times are written."""

import json

import jax
import numpy as np
import pytest

from experiments import measure_atrous
from tests.experiments import running


@pytest.mark.parametrize("rate", (2, 12))
def test_all_forms_give_the_same(rate):
  keys = jax.random.split(jax.random.key(0))
  x = jax.random.normal(keys[0], (1, 9, 9, 3))
  kernel = jax.random.normal(keys[1], (3, 3, 3, 4))
  forms = measure_atrous.forms(rate)
  want = forms.pop("dense")(x, kernel)
  assert sorted(forms) == ["ops", "sampled", "taps"]
  for name, form in forms.items():
    np.testing.assert_allclose(
        form(x, kernel), want, rtol=1e-4, atol=1e-5, err_msg=name
    )


@pytest.mark.parametrize("size, rate", ((33, 2), (33, 24), (33, 36)))
def test_touched_is_the_share_of_products_with_the_map(size, rate):
  reach = np.add.outer(np.arange(size), (-rate, 0, rate))
  inside = np.mean((reach >= 0) & (reach < size))
  assert measure_atrous.touched(size, rate) == pytest.approx(inside**2)


def test_every_size_is_timed_with_every_rate(tmp_path):
  path = tmp_path / "new" / "atrous.json"
  printed, _ = running.run(
      "benchmark_atrous",
      "--sizes=5,9",
      "--rates=2,6",
      "--channels=2",
      "--features=3",
      "--repetitions=2",
      f"--output={path}",
  )
  cases = json.loads(path.read_text())["cases"]
  assert [(case["size"], case["rate"]) for case in cases] == [
      *((5, 2), (5, 6), (9, 2), (9, 6))
  ]
  for case in cases:
    for direction in ("forward", "backward"):
      assert sorted(case[direction]) == ["dense", "ops", "sampled", "taps"]
      for seconds in case[direction].values():
        assert 0 < seconds["min"] <= seconds["median"] <= seconds["max"]
    for line in measure_atrous.rows(case):
      assert line in printed


def test_a_size_that_is_no_number_is_named():
  _, complaint = running.run("benchmark_atrous", "--sizes=33,big", status=1)
  assert complaint.startswith("error: --sizes is '33,big'")
