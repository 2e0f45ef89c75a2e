"""Every command that a document or a config states can be given."""

import functools
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "Makefile",
    ROOT / "checkpoints" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "configs").glob("*.py")),
    *sorted((ROOT / "experiments").glob("*.py")),
]


def commands(path):
  text = path.read_text().replace("\\\n", " ")
  found = re.findall(r"-m experiments\.(\w+)((?:[ \t]+[^\s`\"']+)*)", text)
  return [(binary, arguments.split()) for binary, arguments in found]


def every_command():
  for path in DOCUMENTS:
    for binary, arguments in commands(path):
      yield pytest.param(
          binary, arguments, id=f"{path.name}: {binary} {' '.join(arguments)}"
      )


@functools.cache
def flags_of(binary):
  done = subprocess.run(
      [sys.executable, "-m", f"experiments.{binary}", "--helpfull"],
      cwd=ROOT,
      capture_output=True,
      text=True,
      check=False,
  )
  found = re.findall(r"^\s+--(\[no\])?(\w+)", done.stdout, re.MULTILINE)
  return {
      prefix + name
      for no, name in found
      for prefix in ("", "no")[: 1 + bool(no)]
  }


@pytest.mark.parametrize("binary, arguments", every_command())
def test_a_stated_command_exists(binary, arguments):
  assert (ROOT / "experiments" / f"{binary}.py").is_file()
  for argument in arguments:
    match = re.match(r"\[?--(\w+)", argument)
    if match is None:
      continue
    assert match[1] in flags_of(binary), f"{binary} has no flag --{match[1]}"
    config = re.match(r"--config=(configs/\w+\.py)", argument)
    if config:
      assert (ROOT / config[1]).is_file(), argument


def test_links_lead_somewhere():
  for path in (p for p in DOCUMENTS if p.suffix == ".md"):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
      assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_make_targets_of_the_readme_exist():
  makefile = (ROOT / "Makefile").read_text()
  for target in re.findall(
      r"`make ([\w-]+)`", (ROOT / "README.md").read_text()
  ):
    assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_number_of_sources_is_counted():
  from segjax import convert

  stated = re.search(
      r"of the (\d+) checkpoint sources", (ROOT / "README.md").read_text()
  )
  assert int(stated[1]) == len(convert.sources())
