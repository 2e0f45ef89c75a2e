"""The page of all results, from the files that `experiments.reproduce` wrote."""

from collections.abc import Callable, Mapping, Sequence
import string
from typing import Any

from experiments import results_chart, results_data, results_provenance

INTRODUCTION = """\
# Results

Written by `python -m experiments.results` from the files in `results/` and the rows of
`experiments/rows.py`; tests compare them. A number without a file cannot stand here: what has not
been run is a command.

Scores are percentages. mIoU is the mean of the classes' intersection over union, BF1 the F1 of
boundaries (SegNet's BF), global the share of the pixels that are right, class the mean of that share
over classes. A multiplication and its addition are two operations. Images/s are of inference, one
image at a time; minutes are of training, while the machine may have done other things (see its load
average). Of each run the checkpoint counts that was best while it trained. Where there are several seeds, scores are their mean, with
the lowest and the highest in brackets. The link leads to the file: config, commit, seed, versions,
curves, protocol and confusion matrix.
"""

_PICTURE = "![{alt}]({name})"

_FILES = "seed: file"
_CLASSES = "IoU of each class"

_MEMBRANES = {
    "pixel_error": ("pixel error", 4),
    "rand_error": ("Rand error", 4),
    "warping_error": ("warping error", 6),
    "topological_error": ("topological error", 6),
    "wrong_pixels": ("wrong pixels", 4),
    "v_rand": ("V rand", 4),
    "v_info": ("V info", 4),
}
"""The errors of the ISBI challenge -> their names here, and decimals."""


def files(
    found: Mapping[str, Mapping[str, Any]],
    rows: Sequence[Any],
    tables: Mapping[str, tuple[str, str]],
    command: Callable[[Any], str],
    name: str = "results",
) -> dict[str, str]:
  """The page NAME.md and its pictures NAME_TABLE_WHAT.svg, as their texts.

  Args:
    found: the files, as `results_data.load` gives them.
    rows: what can be run, `rows.Row`s.
    tables: key -> title and introduction, in their order.
    command: a row's, as text.
    name: of the page.
  """
  pictures, texts = {}, {}
  for key in dict.fromkeys(result["table"] for result in found.values()):
    of_table = {n: f for n, f in found.items() if f["table"] == key}
    made = results_chart.pictures(of_table, [row.name for row in rows])
    pictures[key] = {}
    for what, (alt, text) in made.items():
      file = f"{name}_{key}_{what}.svg"
      texts[file], pictures[key][file] = text, alt
  return {f"{name}.md": page(found, rows, tables, command, pictures)} | texts


def page(
    found: Mapping[str, Mapping[str, Any]],
    rows: Sequence[Any],
    tables: Mapping[str, tuple[str, str]],
    command: Callable[[Any], str],
    pictures: Mapping[str, Mapping[str, str]],
) -> str:
  """The page alone.

  Args:
    found: the files, as `results_data.load` gives them.
    rows: what can be run.
    tables: key -> title and introduction.
    command: a row's.
    pictures: key of a table -> name of a file beside the page -> what it shows.
  """
  keys = [*tables, *sorted({f["table"] for f in found.values()} - {*tables})]
  sections = []
  for key in keys:
    planned = [row for row in rows if row.table == key]
    measured = {n: f for n, f in found.items() if f["table"] == key}
    if not planned and not measured:
      continue
    title, introduction = tables.get(key, (key, ""))
    lines = results_data.lines(measured, [row.name for row in planned])
    missing = [row for row in planned if row.name not in found]
    parts = [
        f"## {title}",
        introduction,
        *_measured(lines),
        *_shown(pictures.get(key, {})),
        *_not_run(missing, command),
    ]
    sections.append("\n\n".join(part for part in parts if part))
  return "\n\n".join([INTRODUCTION.strip(), *sections]) + "\n"


def _measured(lines: Sequence[results_data.Line]) -> list[str]:
  """The tables of a section, and where they are from."""
  if not lines:
    return []
  sizes = _letters(lines)
  return [
      _table([_cells(line, sizes) for line in lines]),
      "; ".join(f"*{x}*: {size}" for size, x in sizes.items()),
      results_provenance.where(lines),
      *results_provenance.protocols(lines),
      _table([c for line in lines for c in _evaluations(line)]),
      _table([c for line in lines for c in _classes(line)]),
  ]


def _table(lines: Sequence[Mapping[str, str]]) -> str:
  """Markdown of {column: cell}s, without columns that no line fills."""
  columns = list(dict.fromkeys(k for x in lines for k in x))
  columns = [k for k in columns if any(line.get(k) for line in lines)]
  if not columns:
    return ""
  texts = {
      "network",
      "size",
      _CLASSES,
      _FILES,
      "measured",
      "the paper's number",
  }
  rule = ["---" if column in texts else "--:" for column in columns]
  cells = [columns, rule]
  cells += [[_escape(line.get(k, "")) for k in columns] for line in lines]
  return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _letters(lines: Sequence[results_data.Line]) -> dict[str, str]:
  """Letters for long sizes that several lines have."""
  sizes = [line.runs[0]["size"] for line in lines]
  often = [s for s in dict.fromkeys(sizes) if sizes.count(s) > 1]
  return dict(zip([s for s in often if len(s) > 16], string.ascii_lowercase))


def _cells(line: results_data.Line, sizes: Mapping[str, str]) -> dict[str, str]:
  """A line of the section's first table."""
  first = line.runs[0]
  size = first["size"]
  errors = [_membranes(line, name) for name in line.evaluations]
  counted = first.get("parameters_are", "")
  return {
      "network": line.network,
      "size": f"*{sizes[size]}*" if size in sizes else size,
      "parameters": _parameters(first["parameters"]) + f" {counted}".rstrip(),
      "GFLOPs": _number(line.mean("gflops")),
      **_scores(line, line.main),
      **next(filter(None, errors), {}),
      "images/s": _number(line.mean("images_per_second")),
      "minutes": _number(line.mean("seconds"), 60),
      "crops seen": f"{first['images_seen']:,}",
      "the paper's number": first.get("paper") or "",
      _FILES: ", ".join(
          f"{run['seed']}: [json](../results/{run['row']}.json)"
          for run in line.runs
      ),
  }


def _scores(line: results_data.Line, evaluation: str) -> dict[str, str]:
  names = {
      "mIoU": "miou",
      "BF1": "boundary_f1",
      "global": "pixel_accuracy",
      "class": "class_accuracy",
  }
  return {
      title: _spread([100 * x for x in line.figures(evaluation, key)], 1)
      for title, key in names.items()
  }


def _membranes(line: results_data.Line, evaluation: str) -> dict[str, str]:
  """The challenge's errors, none where they were not measured."""
  cells = {}
  for key, (title, decimals) in _MEMBRANES.items():
    figures = line.figures(evaluation, "membranes", key)
    figures = figures or line.figures(evaluation, key)
    if figures:
      cells[title] = _spread(figures, decimals)
  return cells


def _evaluations(line: results_data.Line) -> list[dict[str, str]]:
  """A line for each way in which the same was measured, if there are two."""
  scored = [e for e in line.evaluations if line.figures(e, "miou")]
  errors = [e for e in line.evaluations if _membranes(line, e)]
  shown = {e for names in (scored, errors) for e in names if len(names) > 1}
  return [
      {
          "network": _full_name(line),
          "measured": name,
          **_scores(line, name),
          **_membranes(line, name),
      }
      for name in line.evaluations
      if name in shown
  ]


def _classes(line: results_data.Line) -> list[dict[str, str]]:
  """IoU of each class: one line for each evaluation."""
  lines = []
  for evaluation in line.evaluations:
    iou = line.runs[0]["evaluations"][evaluation].get("iou", {})
    figures = {c: line.figures(evaluation, "iou", c) for c in iou}
    cells = {c: _mean_share(figures[c]) for c in iou}
    if any(cells.values()):
      network = _full_name(line)
      if len(line.evaluations) > 1:
        network += f"; {evaluation}"
      lines.append({_CLASSES: network, **cells})
  return lines


def _full_name(line: results_data.Line) -> str:
  size = line.runs[0]["size"]
  return line.network if size != "full" else f"{line.network}, full"


def _not_run(
    missing: Sequence[Any], command: Callable[[Any], str]
) -> list[str]:
  """The rows without a file, by size, each with the command that makes it."""
  parts = []
  for size in dict.fromkeys(row.size for row in missing):
    lines = [f"Not run, {'at full size' if size == 'full' else size}:", ""]
    for row in missing:
      paper = f"; the paper: {row.paper}" if row.paper else ""
      if row.size == size:
        lines.append(f"- {row.network}{paper}: `{command(row)}`")
    parts.append("\n".join(lines))
  return parts


def _shown(pictures: Mapping[str, str]) -> list[str]:
  return [_PICTURE.format(alt=a, name=n) for n, a in pictures.items()]


def _spread(values: Sequence[float], decimals: int) -> str:
  """Mean, lowest and highest; one value by itself; nothing of none."""
  if not values:
    return ""
  mean, low, high = sum(values) / len(values), min(values), max(values)
  text = f"{mean:.{decimals}f}"
  if len(values) > 1:
    text += f" ({low:.{decimals}f} to {high:.{decimals}f})"
  return text


def _mean_share(values: Sequence[float]) -> str:
  return f"{100 * sum(values) / len(values):.1f}" if values else ""


def _number(value: float | None, divisor: float = 1) -> str:
  """With one decimal, two below ten: what is small has digits to tell apart."""
  if value is None:
    return ""
  value /= divisor
  return f"{value:.{1 if value >= 10 else 2}f}"


def _parameters(count: int) -> str:
  return f"{count / 1e6:.2f} M"


def _escape(cell: str) -> str:
  return cell.replace("|", "/").replace("\n", " ")
