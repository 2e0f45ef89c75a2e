"""A row of the results is what its commands make, with where it came from."""

import hashlib
import json
import re

import numpy as np
import pytest

from experiments import config as config_lib
from experiments import reproduction, rows, trained

ROW = rows.Row(
    "tiny",
    "camvid",
    "Tiny U-Net",
    "configs/unet_camvid.py:smoke",
    seed=3,
    evaluations={
        "own": rows.Evaluation(("--batch_statistics",)),
        "running": rows.Evaluation(("--nobatch_statistics",)),
    },
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  folder = tmp_path_factory.mktemp("row")
  path = reproduction.reproduce(
      ROW,
      data_dir=str(folder / "data"),
      runs=str(folder / "runs"),
      output=str(folder / "results"),
  )
  return folder, json.loads(path.read_text())


def test_a_row_says_what_was_run_and_on_what(made):
  folder, found = made
  assert found["row"] == "tiny"
  assert found["seed"] == found["config"]["seed"] == 3
  text = (folder / "runs" / "tiny" / "config.json").read_text()
  assert found["config"] == json.loads(text)
  digest = hashlib.sha256(
      json.dumps(found["config"], sort_keys=True).encode()
  ).hexdigest()
  assert found["config_sha256"] == digest
  assert re.fullmatch("[0-9a-f]{40}", found["commit"])
  assert found["versions"].keys() >= {"jax", "python", "segjax"}
  assert len(found["commands"]) == 3
  assert str(folder) not in "".join(found["commands"]), "a path of the machine"


def test_a_row_has_its_curves_and_costs(made):
  _, found = made
  assert [step for step, _ in found["curves"]["loss"]] == [1, 2, 3]
  assert found["curves"]["eval/miou"][-1][0] == 3
  assert found["images_seen"] == 3 * found["config"]["batch_size"]
  assert found["seconds"] > 0 < found["images_per_second"]
  assert found["shown_size"] == [48, 64], "already multiples of 8"
  assert found["parameters"] > 1000
  assert found["gflops"] > 0.001


def test_evaluations_differ_in_the_statistics_alone(made):
  """The same weights, normalised in two ways."""
  _, found = made
  own, running = found["evaluations"]["own"], found["evaluations"]["running"]
  changed = {
      key
      for key, value in own["protocol"].items()
      if value != running["protocol"][key]
  }
  assert changed == {"batch_statistics", "padded_to_multiples_of"}
  assert own["protocol"]["batch_statistics"]
  counts = [np.array(e["confusion_matrix"]) for e in (own, running)]
  assert counts[0].sum() == counts[1].sum() > 0
  assert (counts[0] != counts[1]).any()


def test_a_command_that_fails_leaves_no_file(tmp_path):
  row = rows.Row("broken", "camvid", "None", "configs/none.py")
  with pytest.raises(ValueError, match=r"configs/none\.py.* status 1"):
    reproduction.reproduce(
        row, data_dir="data", runs=str(tmp_path), output=str(tmp_path)
    )
  assert not list(tmp_path.iterdir())


def test_every_row_is_known_and_its_config_exists():
  names = [row.name for row in rows.ROWS]
  assert len(names) == len(set(names))
  for row in rows.ROWS:
    assert row.table in rows.TABLES, row.name
    assert bool(row.config) != bool(row.program), row.name
    if row.config:
      config_lib.load(row.config)


def test_an_unknown_row_is_an_error_that_names_those_close():
  with pytest.raises(ValueError, match="did you mean camvid_unet"):
    rows.find("camvid_unett")


def test_a_row_that_starts_from_another_says_which():
  finetuned = rows.commands(rows.find("fc_densenet56_camvid_finetuned"))
  assert "--config.pretrained.run=runs/fc_densenet56_camvid" in finetuned[0]


def test_statistics_are_those_of_batch_norm_alone():
  config = config_lib.load("configs/shapes.py")
  config.norm = dict(name="GroupNorm")
  run = trained.Trained(config, None, None, {}, None, 0)
  with pytest.raises(ValueError, match=r"BatchNorm.*has 'GroupNorm'"):
    trained.with_statistics(run, True)
