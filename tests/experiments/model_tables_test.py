"""docs/models.md is what the configs and the code are."""

import functools
import pathlib

import pytest

from experiments import model_tables
from segjax.models import unet


@functools.cache
def rows():
  """The table's cells by their config."""
  lines = model_tables.PATH.read_text().splitlines()
  cells = [[c.strip() for c in line.strip("|").split(" | ")] for line in lines]
  return {
      row[4].partition("]")[0].strip("["): row
      for row in cells
      if len(row) == 10 and "../configs/" in row[4]
  }


def test_every_config_has_its_row():
  assert (
      sorted(rows()) == model_tables.names()
  ), "run python -m experiments.model_tables"


@pytest.mark.parametrize("name", model_tables.names())
def test_a_row_is_what_its_config_says(name):
  """All but the operations, which take longer to count."""
  said, model = model_tables.statement(name), model_tables.network(name)
  what, paper, year, file, config, number, ours, parameters, _, sources = (
      rows()[name]
  )
  assert (what, paper, year) == (said.what, said.link, said.year)
  assert (number, ours) == (said.paper, said.ours)
  for cell in (file, config):
    link = cell.partition("(")[2].rstrip(")")
    assert (model_tables.PATH.parent / link).is_file()
  assert parameters == f"{model_tables.counts(model, 64)[0]:,}"
  want = [f"`{source}`" for source in model_tables.sources(model)]
  assert sources == (", ".join(want) or "-")


def test_a_counted_row_is_up_to_date():
  cells = [
      c.strip() for c in model_tables.row("shapes").strip("|").split(" | ")
  ]
  assert rows()["shapes"] == cells


@pytest.mark.parametrize("name", model_tables.names())
def test_what_was_run_has_its_results(name):
  """A number of ours names the folder or the file that holds it."""
  ours = model_tables.statement(name).ours
  root = pathlib.Path(__file__).parent.parent.parent
  if "%" in ours:
    named = [path for path in (root / "results").iterdir() if path.stem in ours]
    assert named, f"{name}: {ours!r} names nothing in results/"


def test_multiply_adds_by_hand():
  """A transposed convolution counts its input's places, others their output's."""
  model = unet.UNet(2, features=(4, 8), padding="same")
  full = 9 * 3 * 4 + 9 * 4 * 4 + 9 * 8 * 4 + 9 * 4 * 4 + 4 * 2
  half = 9 * 4 * 8 + 9 * 8 * 8 + 4 * 8 * 4
  _, total = model_tables.counts(model, 32)
  assert total == 32 * 32 * full + 16 * 16 * half
