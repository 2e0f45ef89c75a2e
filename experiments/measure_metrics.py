"""Times of ways to count a confusion matrix: `experiments.benchmark_metrics`."""

from collections.abc import Callable
import functools
import statistics
import time

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt8
import numpy as np

from segjax import metrics


def measure(
    shape: tuple[int, int, int], num_classes: int, repetitions: int
) -> dict:
  """Seconds of each way and how many times as long as ours the others take.

  The ways take turns, so that a busy machine is busy for all.
  """
  n, h, w = shape
  logits, labels = draw(shape, num_classes)
  logits = jax.block_until_ready(logits)
  on_device = jnp.asarray(labels)
  ways = {
      "device": lambda: np.asarray(device(logits, on_device, num_classes)),
      "host": lambda: host(np.asarray(logits).argmax(-1), labels, num_classes),
      "argmax on device, host": lambda: host(
          np.asarray(predict(logits)), labels, num_classes
      ),
  }
  matrices = {name: way() for name, way in ways.items()}
  for name, matrix in matrices.items():
    if not np.array_equal(matrix, matrices["device"]):
      raise AssertionError(f"{name} counts other numbers than the device")
  times = {name: [] for name in ways}
  for _ in range(repetitions):
    for name, way in ways.items():
      # What NumPy made of a device's array before would be kept with it.
      logits = jax.block_until_ready(jnp.add(logits, 0.0))
      times[name].append(_seconds(way))
  medians = {name: statistics.median(each) for name, each in times.items()}
  return {
      "images": n,
      "height": h,
      "width": w,
      "num_classes": num_classes,
      "repetitions": repetitions,
      "seconds": {
          name: {"min": min(t), "median": medians[name], "max": max(t)}
          for name, t in times.items()
      },
      "times_as_long_as_ours": {
          name: medians[name] / medians["device"]
          for name in ways
          if name != "device"
      },
  }


def draw(
    shape: tuple[int, int, int], num_classes: int
) -> tuple[Float[Array, "n h w k"], UInt8[np.ndarray, "n h w"]]:
  """Logits that are right for most pixels, and labels of which 5 % are void.

  Classes lie in stripes, as a real map has large parts of one class.
  """
  rng = np.random.default_rng(0)
  rows = np.arange(shape[1]) * num_classes // shape[1]
  labels = np.broadcast_to(rows[None, :, None], shape).astype(np.uint8)
  noise = rng.standard_normal((*shape, num_classes), np.float32)
  logits = jnp.asarray(noise) + 3 * jax.nn.one_hot(labels, num_classes)
  return logits, np.where(rng.random(shape) < 0.05, np.uint8(255), labels)


@functools.partial(jax.jit, static_argnames="num_classes")
def device(
    logits: Float[Array, "n h w k"],
    labels: Int[Array, "n h w"],
    num_classes: int,
) -> Int[Array, "k k"]:
  """Our way."""
  return metrics.confusion_matrix(
      labels, jnp.argmax(logits, axis=-1), num_classes
  )


@jax.jit
def predict(logits: Float[Array, "n h w k"]) -> UInt8[Array, "n h w"]:
  """The best class."""
  return jnp.argmax(logits, axis=-1).astype(jnp.uint8)


def host(
    predictions: Int[np.ndarray, "n h w"],
    labels: Int[np.ndarray, "n h w"],
    num_classes: int,
) -> Int[np.ndarray, "k k"]:
  """The toolboxes' way: one count of both, as one number."""
  keep = labels != 255
  cells = labels[keep].astype(np.int64) * num_classes + predictions[keep]
  counts = np.bincount(cells, minlength=num_classes**2)
  return counts.reshape(num_classes, num_classes)


def _seconds(way: Callable[[], object]) -> float:
  start = time.perf_counter()
  way()
  return time.perf_counter() - start
