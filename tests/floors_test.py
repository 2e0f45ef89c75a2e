"""Imports run downhill only (docs of the house: README, "The house")."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent

FLOORS = {
    "segjax.types": (),
    "segjax.ops": ("types",),
    "segjax.layers": ("types", "ops"),
    "segjax.backbones": ("types", "ops", "layers"),
    "segjax.models": ("types", "ops", "layers", "backbones"),
    "segjax.losses": ("types", "ops"),
    "segjax.metrics": ("types", "ops"),
    "segjax.postprocess": ("types", "ops"),
    "segjax.data": ("types", "ops"),
    "segjax.training": ("types", "ops", "losses", "metrics", "postprocess"),
    "segjax.convert": ("types", "ops", "layers", "backbones", "models"),
}
"""Each floor, and the rooms of segjax that it may enter beside itself."""

ONLY = {
    "tensorflow_datasets": "segjax/data/datasets",
    "ml_collections": ("experiments", "configs"),
    "absl": ("experiments", "configs"),
}
"""Packages that one part of the house alone knows."""


def imports(path):
  """The modules that a file names, at any depth of its code."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      assert not node.level, f"{path}: a relative import"
      yield node.module
      yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(folder):
  found = sorted((ROOT / folder).rglob("*.py"))
  assert found, f"{folder} holds no file"
  return found


@pytest.mark.parametrize("path", files("segjax"), ids=str)
def test_imports_run_downhill(path):
  parts = path.relative_to(ROOT).with_suffix("").parts
  floor = ".".join(parts[:2])
  if floor == "segjax.__init__":
    return
  assert floor in FLOORS, f"{floor} stands on no floor"
  allowed = {f"segjax.{name}" for name in FLOORS[floor]} | {floor}
  for module in imports(path):
    if module.startswith("segjax."):
      room = ".".join(module.split(".")[:2])
      assert room in allowed, f"{path} imports {module}"
    assert not module.startswith(("experiments", "configs")), path


@pytest.mark.parametrize("package, home", ONLY.items())
def test_one_part_of_the_house_knows(package, home):
  homes = (home,) if isinstance(home, str) else home
  for folder in ("segjax", "experiments", "configs"):
    for path in files(folder):
      if path.relative_to(ROOT).as_posix().startswith(homes):
        continue
      for module in imports(path):
        assert module.split(".")[0] != package, f"{path} imports {module}"


def test_nobody_imports_tensorflow():
  for folder in ("segjax", "experiments", "configs", "tests"):
    for path in files(folder):
      for module in imports(path):
        assert module.split(".")[0] != "tensorflow", path


def test_a_newer_paper_imports_an_older_one_only():
  """The import graph of segjax/models has no cycle: it is a history."""
  graph = {}
  for path in files("segjax/models"):
    name = f"segjax.models.{path.stem}"
    graph[name] = {
        m for m in imports(path) if m.startswith("segjax.models.") and m != name
    }
  order = []
  while graph:
    free = [n for n, needs in graph.items() if not needs & set(graph)]
    assert free, f"these papers import each other: {sorted(graph)}"
    order += free
    graph = {n: needs for n, needs in graph.items() if n not in free}


def test_three_levels_deep_never_four():
  for path in files("segjax"):
    assert len(path.relative_to(ROOT).parts) <= 4, path
