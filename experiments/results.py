r"""Writes docs/results.md, the page of all results, and its pictures.

  python -m experiments.results [--page=docs/results.md] [--results=results]

The numbers are those of the files results/NAME.json, which
`experiments.reproduce` writes; the rows are those of experiments/rows.py, and
one without a file stands there as a command.
"""

import pathlib

from absl import flags

from experiments import cli, results_data, results_page, rows
from segjax.training import records

_PAGE = flags.DEFINE_string("page", "docs/results.md", "Page to write.")
_RESULTS = flags.DEFINE_string("results", "results", "Folder of the files.")


def main() -> None:
  """Writes the page and, beside it, PAGE_TABLE_WHAT.svg.

  Raises:
    FileNotFoundError: no such folder.
    ValueError: a file is damaged or incomplete.
  """
  path = pathlib.Path(_PAGE.value)
  if path.suffix != ".md":
    raise ValueError(f"--page={path} is not the name of a page (.md)")
  found = results_data.load(pathlib.Path(_RESULTS.value))
  texts = results_page.files(
      found, rows.ROWS, rows.TABLES, rows.command, path.stem
  )
  for name, text in texts.items():
    records.replace_text(path.with_name(name), text)
    print(f"wrote {path.with_name(name)}")


if __name__ == "__main__":
  cli.run(main)
