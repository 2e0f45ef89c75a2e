"""Reads the CRF's references: tests/golden/crf, and those beside the project.

Inputs are stored, or drawn from their names as tests/convert/golden.py has it.
"""

import hashlib
import json
import pathlib

import numpy as np
import pytest

HERE = pathlib.Path(__file__).parent / "golden" / "crf"
SHARED = pathlib.Path(__file__).parents[2] / "shared"


def load(name):
  """A file's arrays, and what its meta says."""
  path = HERE / name
  if not path.exists():
    path = beside("golden", "crf", name)
  arrays = dict(np.load(path, allow_pickle=False))
  return arrays, json.loads(bytes(arrays["meta"]))


def beside(*parts):
  """A file beside the project; skips the test where there is none."""
  path = SHARED.joinpath(*parts)
  if not path.exists():
    pytest.skip(f"there is no ../shared/{'/'.join(parts)}")
  return path


def draw(name, shape, dtype, distribution, a, b):
  seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
  normal = np.random.Generator(np.random.PCG64(seed)).standard_normal(shape)
  values = {
      "normal": lambda: a + b * normal,
      "eye": lambda: a * np.eye(*shape) + b * normal,
  }[distribution]()
  return values.astype(dtype)


def tensors(arrays):
  """The checkpoint, as its file would hold it."""
  manifest = json.loads(bytes(arrays["manifest"]))
  return {name: draw(name, *row) for name, *row in manifest}


def inputs(meta):
  """The inputs by name, (n, h, w, c)."""
  return {
      name: np.moveaxis(
          draw(spec["seed"], spec["shape"], "float32", *spec["dist"]), 1, -1
      )
      for name, spec in meta["input"].items()
  }


def error(output, arrays, meta, name):
  """The largest error over the reference's standard deviation."""
  about = meta["outputs"][name]
  got = np.moveaxis(np.asarray(output, np.float64), -1, 1)
  assert list(got.shape) == about["shape"]
  got = got.reshape(-1)[arrays[f"o/{name}/idx"]]
  return np.abs(got - arrays[f"o/{name}/f32"]).max() / about["std"]
