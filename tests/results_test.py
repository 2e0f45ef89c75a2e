"""Every number that we state of a result is in its file, results/NAME.json."""

import importlib
import inspect
import json
import pathlib
import re

import numpy as np
import pytest

from experiments import config as config_lib
from experiments import results_data, results_page, rows
from segjax import metrics

ROOT = pathlib.Path(__file__).parent.parent
DOCS = ROOT / "docs"
FOUND = results_data.load(ROOT / "results")
ROWS = {row.name: row for row in rows.ROWS}
TRAINED = [n for n in FOUND if n in ROWS and not ROWS[n].program]
AGAIN = "run python -m experiments.results"

ELSEWHERE = {
    "dataset.data_dir": "where the data are is no part of the recipe",
    "log_every_steps": "more points on a curve",
    "num_threads": "batches do not depend on it",
    "pretrained.file": "a place on a machine",
    "pretrained.run": "a place on a machine",
}
"""Keys in which a row's config may differ from that of its file, and why."""


def figures(file):
  """(name, evaluation) of those of a file that have a confusion matrix."""
  evaluations = file["evaluations"].items()
  return {k: e for k, e in evaluations if "confusion_matrix" in e}


@pytest.mark.parametrize("name", FOUND)
def test_a_file_is_of_a_row(name):
  file, row = FOUND[name], ROWS[name]
  assert file["table"] == row.table
  assert file["table"] in rows.TABLES
  assert file["command"].startswith(rows.command(row))
  if not row.program:  # Which names itself and its size.
    for key in ("network", "size", "seed"):
      assert file[key] == getattr(row, key), key
    assert (file.get("paper") or "") == row.paper
    assert list(file["evaluations"]) == list(row.evaluations)


@pytest.mark.parametrize("name", FOUND)
def test_a_file_says_what_made_it(name):
  file = FOUND[name]
  assert re.fullmatch("[0-9a-f]{40}", file["commit"])
  assert not file["dirty"], "there were uncommitted changes"
  assert re.fullmatch(r"20\d\d-\d\d-\d\d", file["date"])
  assert {"segjax", "jax", "numpy", "python"} <= file["versions"].keys()
  text = json.dumps(file)
  assert not re.search(r"/(?:home|root|tmp|work|mnt)/", text), "a local path"
  for evaluation in figures(file).values():
    assert evaluation["protocol"]["split"] in ("validation", "test")


@pytest.mark.parametrize("name", TRAINED)
def test_a_config_has_not_changed_since_it_was_run(name):
  """What the row asks for today is what its file was made with."""
  row, file = ROWS[name], FOUND[name]
  path, colon, options = row.config.partition(":")
  config = config_lib.load(f"{ROOT / path}{colon}{options}")
  config.seed = row.seed
  for option in row.options:
    key, _, value = option.removeprefix("--config.").partition("=")
    config_lib.override(config, key, value)
  old, new = file["config"], json.loads(config_lib.save(config))
  changed = set(differences(old, new)) - ELSEWHERE.keys()
  assert not changed, f"run {rows.command(row)} again, or change it back"
  assert old["seed"] == file["seed"]


def differences(old, new, prefix=""):
  """The keys, with dots, at which two trees of JSON are not the same."""
  for key in old.keys() | new.keys():
    one, other = old.get(key), new.get(key)
    if isinstance(one, dict) and isinstance(other, dict):
      yield from differences(one, other, f"{prefix}{key}.")
    elif one != other or (key in old) != (key in new):
      yield prefix + key


def test_a_changed_key_is_found():
  old = {"a": {"b": 1, "c": [1]}, "d": None}
  assert not list(differences(old, json.loads(json.dumps(old))))
  new = {"a": {"b": 2, "c": [1]}, "e": None}
  assert sorted(differences(old, new)) == ["a.b", "d", "e"]


def leaves(report):
  """Figures by name, those of classes by theirs; without what has none."""
  named = {
      k: {"": v} if not isinstance(v, dict) else v for k, v in report.items()
  }
  return {
      (key, name): value
      for key, values in named.items()
      for name, value in values.items()
      if value is not None
  }


@pytest.mark.parametrize("name", FOUND)
def test_an_evaluation_follows_from_its_confusion_matrix(name):
  for report in figures(FOUND[name]).values():
    counts = np.array(report["confusion_matrix"])
    means_over = report["protocol"].get("means_over")
    chosen = means_over if isinstance(means_over, list) else ()
    summary = metrics.summarize(counts, tuple(report["iou"]), chosen)
    assert summary.keys() <= report.keys()
    for key, value in leaves(summary).items():
      assert leaves(report)[key] == pytest.approx(value, rel=1e-9), key


@pytest.mark.parametrize("name", TRAINED)
def test_a_curve_ends_with_the_training_and_has_what_was_evaluated(name):
  file, row = FOUND[name], ROWS[name]
  scores = dict(file["curves"]["eval/miou"])
  assert max(scores) == file["config"]["total_steps"]
  assert file["curves"]["loss"][-1][0] == max(scores)
  for evaluation, report in figures(file).items():
    step = report["protocol"]["step"]
    if evaluation == "before":
      assert step == 0
    else:
      assert step in scores
    if row.evaluations[evaluation] == rows.Evaluation():  # As while training.
      assert report["miou"] == pytest.approx(scores[step], abs=0.002)


def test_seeds_of_a_row_differ_in_nothing_else():
  for line in results_data.lines(FOUND):
    seeds = [run["seed"] for run in line.runs]
    assert len({*seeds}) == len(seeds), line.name
    plain = [run["config"] | {"seed": 0} for run in line.runs]
    assert all(config == plain[0] for config in plain), line.name
    assert len({run["size"] for run in line.runs}) == 1


def test_the_page_and_its_pictures_are_those_of_the_files():
  made = results_page.files(FOUND, rows.ROWS, rows.TABLES, rows.command)
  for name, text in made.items():
    assert (DOCS / name).read_text() == text, f"{name}: {AGAIN}"
  there = {path.name for path in DOCS.glob("results_*.svg")}
  assert there == made.keys() - {"results.md"}, "remove what is not made today"


def test_a_row_is_measured_or_a_command():
  page = (DOCS / "results.md").read_text()
  for name, row in ROWS.items():
    linked = f"(../results/{name}.json)" in page
    waits = f": `{rows.command(row)}`" in page
    assert (linked, waits) == (name in FOUND, name not in FOUND), name


def stated(text):
  """(number, name) of each "N.N % mIoU ... (results/NAME)" in a text."""
  text = " ".join(text.replace("*", "").split())
  pattern = r"(\d+\.\d) (?:% )?mIoU((?:(?!\d mIoU|% mIoU).)*?)results/(\w+)"
  return [(m[1], m[3]) for m in re.finditer(pattern, text)]


def scores(name):
  """MIoU of each evaluation of a file."""
  assert name in FOUND, f"there is no results/{name}.json"
  reports = FOUND[name]["evaluations"].values()
  return {f"{100 * r['miou']:.1f}" for r in reports if "miou" in r}


def test_a_statement_is_read():
  text = (
      "Ours: **59.0 %\n  mIoU** on x (results/a), 1.0, 6.5 mIoU [](results/b)"
  )
  assert stated(text) == [("59.0", "a"), ("6.5", "b")]


CONFIGS = sorted(
    p.stem for p in (ROOT / "configs").glob("*.py") if p.stem != "__init__"
)


def test_a_number_in_a_config_is_that_of_its_file():
  for name in CONFIGS:
    doc = inspect.getdoc(importlib.import_module(f"configs.{name}")) or ""
    for number, file in stated(doc):
      assert number in scores(file), f"configs/{name}.py: {number}"
    ours = " ".join(doc.split()).partition("Ours: ")[2].partition(" Cost:")[0]
    if "% mIoU" in ours:
      assert stated(ours), f"configs/{name}.py names no file"


@pytest.mark.parametrize(
    "document",
    ("README.md", "docs/models.md", "checkpoints/README.md", "CHANGELOG.md"),
)
def test_a_number_in_a_document_is_that_of_its_file(document):
  for line in (ROOT / document).read_text().splitlines():
    for number, file in stated(line):
      assert number in scores(file), f"{document}: {number}"


def test_every_number_of_a_row_of_the_readme_is_in_the_file_it_links():
  """With one decimal: scores in percent, minutes, images/s, the paper's."""
  for line in (ROOT / "README.md").read_text().splitlines():
    linked = re.search(r"\(results/(\w+)\.json\)", line)
    if not (linked and line.startswith("|")):
      continue
    file = FOUND[linked[1]]
    figures = [file["seconds"] / 60, file["images_per_second"], file["gflops"]]
    figures += [file["parameters"] / 1e6]
    for report in file["evaluations"].values():
      figures += [100 * v for v in report.values() if isinstance(v, float)]
    known = {f"{figure:.1f}" for figure in figures if figure is not None}
    known |= {*re.findall(r"\d+\.\d+", file.get("paper") or "")}
    stated = re.findall(r"(?<![\w.])\d+\.\d+(?![\w.])", line)
    assert {*stated} <= known, line
