r"""What the dense CRF costs on one image, as `evaluate --crf` would run it.

  python -m experiments.benchmark_crf
  python -m experiments.benchmark_crf --image=FILE --setting=deeplab_v1 \
      --num_classes=21 --threads=1 --output=benchmarks/crf/cpu.json

Without --image it is a synthetic scene of --size. The logits are noise of an
eighth of its size, enlarged. A time holds everything: the lattices are made
anew for every image.
"""

import functools
import json
import pathlib
import time

from absl import flags
import cv2
import jax
import numpy as np

from experiments import cli, machine
from segjax import ops
from segjax.data.datasets import scenes
from segjax.ops import filters
from segjax.postprocess import dense_crf as crf

_IMAGE = flags.DEFINE_string("image", None, "picture to take")
_SIZE = flags.DEFINE_list("size", ["412", "500"], "height, width without one")
_CLASSES = flags.DEFINE_integer(
    "num_classes", 21, "number of labels", lower_bound=2
)
_SETTING = flags.DEFINE_enum(
    "setting", "deeplab_v1", sorted(crf.SETTINGS), "kernels"
)
_ITERATIONS = flags.DEFINE_integer(
    "iterations", 10, "of mean field", lower_bound=0
)
_METHOD = flags.DEFINE_enum("method", "lattice", filters.METHODS, "of filters")
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 5, "how often the time is taken", lower_bound=1
)
_THREADS = flags.DEFINE_integer(
    "threads", 0, "CPU cores, 0 for all", lower_bound=0
)
_OUTPUT = flags.DEFINE_string("output", None, "the .json file to write")


def main() -> None:
  """Measures, prints what it found and perhaps writes a file.

  Raises:
    ValueError: a flag that cannot be.
    FileNotFoundError: no picture where one is named.
  """
  report = machine.about(
      "experiments.benchmark_crf", machine.limit_cores(_THREADS.value)
  )
  image = _image()
  logits = _logits(image.shape[:2], _CLASSES.value)
  run = functools.partial(
      crf.dense_crf,
      kernels=crf.SETTINGS[_SETTING.value],
      iterations=_ITERATIONS.value,
      method=_METHOD.value,
  )
  begun = time.perf_counter()
  compiled = jax.jit(run).lower(logits, image[None]).compile()
  compile_s = time.perf_counter() - begun
  jax.block_until_ready(compiled(logits, image[None]))
  seconds = []
  for _ in range(_REPETITIONS.value):
    begun = time.perf_counter()
    jax.block_until_ready(compiled(logits, image[None]))
    seconds.append(time.perf_counter() - begun)
  report |= {
      "size": image.shape[:2],
      "classes": _CLASSES.value,
      "setting": _SETTING.value,
      "iterations": _ITERATIONS.value,
      "method": _METHOD.value,
      "image": pathlib.Path(_IMAGE.value).name if _IMAGE.value else "scene",
      "seconds_median": round(float(np.median(seconds)), 4),
      "seconds_least": round(min(seconds), 4),
      "compile_s": round(compile_s, 1),
  }
  print(json.dumps(report, indent=2))
  machine.write(report, _OUTPUT.value)


def _image():
  if _IMAGE.value is None:
    size = machine.parse_size(_SIZE.value)
    return scenes.paint(np.random.default_rng(0), size, 4, 1.0)[0]
  image = cv2.imread(_IMAGE.value)
  if image is None:
    raise FileNotFoundError(f"--image={_IMAGE.value} is no picture")
  return np.ascontiguousarray(image[..., ::-1])


def _logits(size, classes):
  coarse = np.random.default_rng(1).standard_normal(
      (1, *(-(-side // 8) for side in size), classes)
  )
  return ops.resize_bilinear(3 * coarse.astype(np.float32), size)


if __name__ == "__main__":
  cli.run(main)
