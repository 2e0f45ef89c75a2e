"""Sentences on where results are from and how they were counted."""

from collections.abc import Iterable, Sequence
from typing import Any

from experiments import results_data

_UNSTATED = {"step", "source", "checkpoint"}
"""What a protocol holds that a paragraph on it leaves out."""


def where(lines: Sequence[results_data.Line]) -> str:
  """Where, when and with what the section was measured, from its files."""
  runs = [run for line in lines for run in line.runs]
  packages: dict[str, set[str]] = {}
  for run in runs:
    for package, version in run["versions"].items():
      packages.setdefault(package, set()).add(version)
  versions = ", ".join(f"{p} {_range(v)}" for p, v in packages.items())
  devices = dict.fromkeys(
      f"{run['cpu']}, {run['cores']} core{'s' * (run['cores'] > 1)}"
      if run["device"] == "cpu"
      else run["device"]
      for run in runs
  )
  loads = [run["load_before"] for run in runs]
  shown = dict.fromkeys(
      "x".join(map(str, run["shown_size"])) for run in runs if run["shown_size"]
  )
  commits = list(dict.fromkeys(run["commit"][:7] for run in runs))
  sentences = [
      f"Measured on {' and '.join(devices)}, load average before the run"
      f" {_span(loads)}",
      versions,
      f"commit{'s' * (len(commits) > 1)} {', '.join(commits)}",
      _range(run["date"] for run in runs),
  ]
  text = f"{'; '.join(sentences)}."
  if shown:
    text += f" Operations and images/s are of images of {' or '.join(shown)}."
  dirty = [run["row"] for run in runs if run["dirty"]]
  if dirty:
    text += f" Uncommitted changes were in {', '.join(dirty)}."
  return text


def protocols(lines: Sequence[results_data.Line]) -> list[str]:
  """How each evaluation counted; what runs have not in common, with "or".

  Of all but the first one, what is other than there.
  """
  names = dict.fromkeys(name for line in lines for name in line.evaluations)
  first, paragraphs = {}, []
  for name in names:
    values = _protocol(lines, name)
    stated = [
        f"{key.replace('_', ' ')} {texts or 'none'}"
        for key, texts in values.items()
        if texts != first.get(key, "")
    ]
    if stated:
      other = ", what is other" * bool(first)
      paragraphs.append(f"Counted for *{name}*{other}: {'; '.join(stated)}.")
    first = first or values
  return paragraphs


def _protocol(
    lines: Sequence[results_data.Line], evaluation: str
) -> dict[str, str]:
  """The values of each key in words, of all runs."""
  values: dict[str, dict[str, None]] = {}
  for line in lines:
    for run in line.runs:
      found = run["evaluations"].get(evaluation, {}).get("protocol", {})
      for key, value in found.items():
        if key not in _UNSTATED:
          values.setdefault(key, {})[_plain(value)] = None
  return {
      key: " or ".join(filter(None, texts)) for key, texts in values.items()
  }


def _span(values: Sequence[float]) -> str:
  low, high = f"{min(values):.1f}", f"{max(values):.1f}"
  return low if low == high else f"{low} to {high}"


def _range(values: Iterable[str]) -> str:
  ordered = sorted(set(values))
  if len(ordered) == 1:
    return ordered[0]
  return f"{ordered[0]} to {ordered[-1]}"


def _plain(value: Any) -> str:
  """A value of a protocol in words."""
  if value in (None, [], {}, ""):
    return ""
  if isinstance(value, bool):
    return "yes" if value else "no"
  if isinstance(value, list):
    return ", ".join(map(_plain, value))
  if isinstance(value, dict):
    return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
  return f"{value:g}" if isinstance(value, float) else str(value)
