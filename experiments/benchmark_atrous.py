r"""Times the forms of an atrous 3x3 convolution, forward and backward.

  python -m experiments.benchmark_atrous --output=benchmarks/atrous/cpu.json
  python -m experiments.benchmark_atrous --sizes=65 --rates=6,12,18 --channels=2048

`measure_atrous` names the forms. They take turns, so that all see the same
machine. Which one is fastest where is the rule of `ops.conv`.
"""

from absl import flags
import jax

from experiments import cli, machine, measure_atrous

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


def main() -> None:
  """Measures every size with every rate, and writes what it found.

  Raises:
    ValueError: a flag that cannot be.
  """
  sizes, rates = _numbers("sizes", _SIZES), _numbers("rates", _RATES)
  cores = machine.limit_cores(0)
  results = machine.about("experiments.benchmark_atrous", cores) | {"cases": []}
  print(measure_atrous.HEADER, flush=True)
  for size in sizes:
    for rate in rates:
      case = measure_atrous.measure(
          size,
          rate,
          batch=_BATCH.value,
          channels=_CHANNELS.value,
          features=_FEATURES.value,
          repetitions=_REPETITIONS.value,
          dtype=_DTYPE.value,
      )
      results["cases"].append(case)
      print("\n".join(measure_atrous.rows(case)), flush=True)
      jax.clear_caches()
  machine.write(results, _OUTPUT.value)


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
