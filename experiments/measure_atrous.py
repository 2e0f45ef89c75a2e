"""Seconds of the forms of an atrous 3x3 convolution, in turn.

Of `ops/conv.py`: "dense" is the compiler's dilated convolution, "taps" the sum
over shifted images, "sampled" the ordinary convolution of a sampled image. All
compute the same. "ops" is what `ops.conv` chooses.
"""

from collections.abc import Callable, Mapping
import functools
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from segjax import ops
from segjax.ops.conv import dense, taps

HEADER = (
    "| map | rate | touched | pass | dense | taps | sampled | ops | fastest |\n"
    "|---|--:|--:|---|--:|--:|--:|--:|---|"
)


def forms(rate: int) -> dict[str, Callable[..., jax.Array]]:
  """{name: function of a map and a 3x3 kernel}, all with one result."""
  pairs = (1, 1), (rate, rate), (rate, rate)
  options = {"padding": rate, "dilation": rate}
  return {
      "dense": lambda x, kernel: dense(x, kernel, *pairs),
      "taps": lambda x, kernel: taps(x, kernel, *pairs),
      "sampled": functools.partial(ops.atrous_sampled, **options),
      "ops": functools.partial(ops.conv, **options),
  }


def touched(size: int, rate: int) -> float:
  """The share of a 3x3 kernel's products that are not with padding."""
  return (max(3 * size - 2 * rate, size) / (3 * size)) ** 2


def measure(
    size: int,
    rate: int,
    *,
    batch: int = 1,
    channels: int = 512,
    features: int = 256,
    repetitions: int = 5,
    dtype: str = "float32",
) -> dict[str, Any]:
  """Seconds of every form on one map.

  "backward" is the gradient by map and kernel of a weighted sum, with the
  forward pass that it needs.
  """
  rng = np.random.default_rng(0)
  draw = lambda *shape: jnp.asarray(rng.standard_normal(shape), dtype)
  x = draw(batch, size, size, channels)
  kernel, weights = draw(3, 3, channels, features), draw(features)
  programs = {"forward": {}, "backward": {}}
  for name, form in forms(rate).items():
    loss = lambda x, kernel, form=form: jnp.sum(form(x, kernel) * weights)
    programs["forward"][name] = jax.jit(form)
    programs["backward"][name] = jax.jit(jax.grad(loss, (0, 1)))
  seconds = {
      direction: _alternate(functions, x, kernel, repetitions)
      for direction, functions in programs.items()
  }
  return {
      "size": size,
      "rate": rate,
      "batch": batch,
      "channels": channels,
      "features": features,
      "dtype": dtype,
      "touched": touched(size, rate),
      **seconds,
  }


def rows(case: Mapping[str, Any]) -> list[str]:
  """Two lines of the table: forward and backward, in milliseconds."""
  lines = []
  for direction in ("forward", "backward"):
    times = {name: found["median"] for name, found in case[direction].items()}
    fastest = min((n for n in times if n != "ops"), key=times.get)
    cells = (
        f"{case['size']}x{case['size']}",
        case["rate"],
        f"{100 * case['touched']:.0f} %",
        direction,
        *(f"{1000 * seconds:.1f}" for seconds in times.values()),
        fastest,
    )
    lines.append(f"| {' | '.join(map(str, cells))} |")
  return lines


def _alternate(functions, x, kernel, repetitions):
  """{name: seconds}; the first call of each compiles and is not counted."""
  times = {name: [] for name in functions}
  for i in range(repetitions + 1):
    for name, function in functions.items():
      start = time.perf_counter()
      jax.block_until_ready(function(x, kernel))
      if i:
        times[name].append(time.perf_counter() - start)
  return {
      name: {"median": statistics.median(t), "min": min(t), "max": max(t)}
      for name, t in times.items()
  }
