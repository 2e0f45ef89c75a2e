"""Reads tests/golden: what a reference computed on weights drawn from names.

A file holds the checkpoint's tensor names with the distribution that each was
drawn from (the seed is the name), the input likewise, and samples of the
reference's outputs. So no weights are stored, and no reference is run.
"""

from collections.abc import Mapping
import functools
import hashlib
import json
import pathlib

import numpy as np
from scipy import special

FOLDER = pathlib.Path(__file__).parent.parent / "golden"

FUNCTIONS = {
    "": lambda x: x,
    "softmax": lambda x: special.softmax(x, axis=-1),
    "log_softmax": lambda x: special.log_softmax(x, axis=-1),
}
"""What a reference may have done to our logits; classes are last."""


def files() -> list[pathlib.Path]:
  found = sorted(FOLDER.glob("*.npz"))
  assert found, f"{FOLDER} holds no golden file"
  return found


class Golden:
  """One golden file."""

  def __init__(self, path: pathlib.Path):
    self._arrays = dict(np.load(path, allow_pickle=False))
    self._meta = self._json("meta")

  @property
  def source(self) -> str:
    return self._meta["source"]

  @property
  def parameters(self) -> int:
    return self._meta["param_count"]

  @property
  def names(self) -> list[str]:
    return [name for name, *_ in self._json("manifest")]

  def tensors(self) -> dict[str, np.ndarray]:
    """The checkpoint, as its file would hold it."""
    return {
        name: self._draw(name, shape, dtype, distribution, *numbers)
        for name, shape, dtype, distribution, *numbers in self._json("manifest")
    }

  def image(self) -> np.ndarray:
    """The input, (n, h, w, c)."""
    (spec,) = self._meta["input"].values()
    image = self._draw(spec["seed"], spec["shape"], "float32", *spec["dist"])
    return np.moveaxis(image, 1, -1)

  def errors(self, outputs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """{our key: largest error over the reference's standard deviation}.

    Where a pool's index decides, it is a quantile of the errors: two values as
    good as equal may change places.
    """
    errors, quantile = {}, self._meta.get("quantile", 1.0)
    for name, key in self._meta["compare"].items():
      about = self._meta["outputs"][name]
      function, _, inner = key.rpartition("(")
      got = np.asarray(outputs[inner.rstrip(")")], np.float64)
      got = np.moveaxis(FUNCTIONS[function](got), -1, 1)
      assert list(got.shape) == about["shape"], f"{key}: {got.shape} (NCHW)"
      exact, single = f"o/{name}/f64", f"o/{name}/f32"
      want = self._arrays[exact if exact in self._arrays else single]
      got = got.reshape(-1)[self._arrays[f"o/{name}/idx"]]
      error = np.quantile(np.abs(got - want), quantile)
      errors[key] = float(error / about["std"])
    return errors

  def _json(self, name):
    return json.loads(bytes(self._arrays[name]))

  def _draw(self, name, shape, dtype, distribution, a, b):
    digest = hashlib.sha256((self._meta["salt"] + name).encode()).digest()
    seed = int.from_bytes(digest[:8], "little")
    rng = np.random.Generator(np.random.PCG64(seed))
    values = {
        "normal": lambda: a + b * rng.standard_normal(shape),
        "uniform": lambda: a + (b - a) * rng.random(shape),
        "const": lambda: np.full(shape, a),
    }[distribution]()
    return np.asarray(values, dtype)


@functools.cache
def load(path: pathlib.Path) -> Golden:
  return Golden(path)
