"""Every number in docs/results.md is in a file of results/."""

import re

import numpy as np

from experiments import results_data
from tests.experiments import running

PAGE = running.ROOT / "docs" / "results.md"
FOUND = results_data.load(running.ROOT / "results")

SHOWN = {
    "parameters": lambda run, _: run["parameters"] / 1e6,
    "GFLOPs": lambda run, _: run["gflops"],
    "mIoU": lambda _, e: 100 * e["miou"],
    "BF1": lambda _, e: 100 * e["boundary_f1"],
    "global": lambda _, e: 100 * e["pixel_accuracy"],
    "class": lambda _, e: 100 * e["class_accuracy"],
    "images/s": lambda run, _: run["images_per_second"],
    "minutes": lambda run, _: run["seconds"] / 60,
    "crops seen": lambda run, _: run["images_seen"],
}
"""Column -> its number, of a file and of its evaluation."""

FILES, CLASSES = "seed: file", "IoU of each class"
WORDS = {"network", "size", "the paper's number", "measured", CLASSES, FILES}


def tables(page):
  """The lines {column: cell} of each table of the page."""
  for block in page.split("\n\n"):
    lines = [line for line in block.splitlines() if line.startswith("| ")]
    cells = [[c.strip() for c in line[1:-1].split("|")] for line in lines]
    if cells:
      yield [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def agrees(cell, values):
  """Whether a cell shows the mean, and of several the range, as rounded."""
  texts = re.findall(r"\d[\d,]*(?:\.\d+)?", cell)
  want = [np.mean(values), np.min(values), np.max(values)]
  for text, value in zip(texts, want):
    decimals = len(text.partition(".")[2])
    if abs(float(text.replace(",", "")) - value) > 0.501 * 10.0**-decimals:
      return False
  return len(texts) in (1, 3)


def number(column, run, evaluation):
  """What a column must show of a file and of the network after training."""
  if column in SHOWN:
    return SHOWN[column](run, run["evaluations"][evaluation])
  key = column.lower().replace(" ", "_")  # An error of the membranes.
  found = [e | e.get("membranes", {}) for e in run["evaluations"].values()]
  return next(e[key] for e in found if key in e)


def test_every_number_of_a_line_is_that_of_the_files_it_links():
  linked = []
  for lines in tables(PAGE.read_text()):
    for line in lines:
      names = re.findall(r"\.\./results/(\w+)\.json", line.get(FILES, ""))
      if not names:
        continue
      linked += names
      runs = [FOUND[name] for name in names]
      ways = [way for way in runs[0]["evaluations"] if way != "before"]
      for column in line.keys() - WORDS:
        cell = line[column]
        if cell:
          values = [number(column, run, ways[0]) for run in runs]
          assert agrees(cell, values), (names, column, cell)
  assert sorted(linked) == sorted(FOUND)


def shows(cells, reports):
  """Whether cells are these evaluations' figures, or their classes' IoU."""
  for column, cell in cells.items():
    if column in SHOWN:
      values = [SHOWN[column](None, report) for report in reports]
    else:
      values = [100 * (report["iou"].get(column) or 0) for report in reports]
    if not agrees(cell, values):
      return False
  return True


def test_every_number_of_a_class_or_a_protocol_is_that_of_files():
  groups = [
      (line.network, [run["evaluations"][way] for run in line.runs])
      for line in results_data.lines(FOUND)
      for way in line.runs[0]["evaluations"]
      if "confusion_matrix" in line.runs[0]["evaluations"][way]
  ]
  for lines in tables(PAGE.read_text()):
    for line in lines:
      if FILES in line:
        continue
      name = line.get("network") or line[CLASSES]
      cells = {k: v for k, v in line.items() if v and k not in WORDS}
      same = [
          reports for network, reports in groups if name.startswith(network)
      ]
      assert any(shows(cells, reports) for reports in same), line
