r"""Times the forms of an atrous 3x3 convolution, forward and backward.

  python -m experiments.benchmark_atrous --output=benchmarks/atrous/cpu.json
  python -m experiments.benchmark_atrous --sizes=65 --rates=6,12,18 --channels=2048

Of `ops/conv.py`: "dense" is the compiler's dilated convolution, "taps" the sum
over shifted images, "sampled" the ordinary convolution of a sampled image. All
compute the same. "ops" is what `ops.conv` chooses. The forms take turns, so that
all see the same machine. Which one is fastest where is the rule of `ops.conv`.
"""

from collections.abc import Callable, Mapping, Sequence
import datetime
import functools
import json
import os
import pathlib
import statistics
import sys
import time
from typing import Any

from absl import flags
import jax
import jax.numpy as jnp
import numpy as np

from experiments import cli
from segjax import ops
from segjax.ops.conv import dense, taps

_SIZES = flags.DEFINE_list("sizes", ["33", "65", "129"], "Sides of the maps.")
_RATES = flags.DEFINE_list("rates", ["2", "4", "12", "24", "36"], "Dilations.")
_CHANNELS = flags.DEFINE_integer("channels", 512, "Of the map.", 1)
_FEATURES = flags.DEFINE_integer("features", 256, "Of the result.", 1)
_BATCH = flags.DEFINE_integer("batch", 1, "Maps at once.", 1)
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 5, "How often each time is taken.", 1
)
_DTYPE = flags.DEFINE_enum(
    "dtype", "float32", ["float32", "bfloat16"], "Of map and kernel."
)
_OUTPUT = flags.DEFINE_string("output", None, "The .json file to write.")

HEADER = "| map | rate | touched | pass | " + " | ".join(
    ("dense", "taps", "sampled", "ops", "fastest")
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


def main(argv: Sequence[str]) -> None:
  """Measures every size with every rate, and writes what it found.

  Raises:
    ValueError: a flag that cannot be.
  """
  if argv[1:]:
    raise ValueError(f"cannot read {argv[1]!r}: every argument is a --flag")
  sizes, rates = _numbers("sizes", _SIZES), _numbers("rates", _RATES)
  results = {
      "command": "python -m experiments.benchmark_atrous "
      + " ".join(sys.argv[1:]),
      "date": datetime.date.today().isoformat(),
      "device": jax.devices()[0].device_kind,
      "cores": os.cpu_count(),
      "load_before": os.getloadavg()[0],
      "jax": jax.__version__,
      "cases": [],
  }
  print(f"{HEADER} |\n|---|--:|--:|---|--:|--:|--:|--:|---|", flush=True)
  for size in sizes:
    for rate in rates:
      case = measure(
          size,
          rate,
          batch=_BATCH.value,
          channels=_CHANNELS.value,
          features=_FEATURES.value,
          repetitions=_REPETITIONS.value,
          dtype=_DTYPE.value,
      )
      results["cases"].append(case)
      print("\n".join(rows(case)), flush=True)
      jax.clear_caches()
  if _OUTPUT.value:
    path = pathlib.Path(_OUTPUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"wrote {path}")


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


def _numbers(name, flag):
  numbers = [int(v) for v in flag.value if v.strip().isdigit()]
  if not numbers or len(numbers) != len(flag.value) or 0 in numbers:
    raise ValueError(
        f"--{name} is {','.join(flag.value)!r}; it takes positive whole"
        " numbers, with commas between them"
    )
  return numbers


if __name__ == "__main__":
  cli.run(main)
