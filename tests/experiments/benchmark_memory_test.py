"""The memory of a step falls with the devices, and the files say how far."""

import json

import pytest

from experiments import measure_memory
from tests.experiments import running

FILES = sorted((running.ROOT / "benchmarks" / "memory").glob("*.json"))


def test_two_devices_need_little_more_than_half_of_one(tmp_path):
  path = tmp_path / "new" / "memory.json"
  printed, _ = running.run(
      "benchmark_memory",
      "--networks=unet",
      "--size=512,256",
      "--space=2",
      f"--output={path}",
  )
  found = json.loads(path.read_text())
  alone, both = found["cases"]
  assert [case["space"] for case in found["cases"]] == [1, 2]
  assert found["devices"] == 2
  for case in found["cases"]:
    assert case["network"] == "unet"
    assert case["size"] == [512, 256]
    sizes = dict(case["bytes"])
    assert sizes.pop("total") == sum(sizes.values())
    assert measure_memory.row(case, alone) in printed
  assert both["bytes"]["temporary"] < 0.75 * alone["bytes"]["temporary"]


@pytest.mark.parametrize(
    "flag, complaint",
    [
        ("--space=two", "error: --space is 'two'"),
        ("--networks=vnet", "error: no network 'vnet'; there are deeplab_v3"),
    ],
)
def test_a_flag_that_cannot_be_is_named(flag, complaint):
  _, printed = running.run("benchmark_memory", flag, status=1)
  assert printed.startswith(complaint)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_files_know_all_networks_on_1_2_and_4_devices(path):
  cases = {
      (case["network"], case["space"]): case["bytes"]
      for case in json.loads(path.read_text())["cases"]
  }
  assert set(cases) == {
      (name, space) for name in measure_memory.NETWORKS for space in (1, 2, 4)
  }
  for (name, space), sizes in cases.items():
    share = sizes["total"] / cases[name, 1]["total"]
    assert 1 / space <= share < 1 / space + 0.15


def test_there_is_a_file():
  assert FILES
