r"""How long a start takes: imports, and everything up to the first step.

  python -m experiments.benchmark_startup --output=benchmarks/startup/cpu.json

Each import is timed in a new interpreter. Each config is started twice, with
an empty folder for compiled programs and with what the first start has left in
it; the parts are import, build (the config's objects), init (the weights) and
the first step of training on random data.
"""

import json
import pathlib

from absl import flags

from experiments import cli, machine, measure_startup

_CONFIGS = flags.DEFINE_list(
    "configs", ["shapes"], "Configs to start, such as shapes:smoke."
)
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 5, "How often each import is timed.", lower_bound=1
)
_THREADS = flags.DEFINE_integer(
    "threads", 0, "CPU cores; 0 for all.", lower_bound=0
)
_OUTPUT = flags.DEFINE_string("output", None, "The .json file to write.")


def main() -> None:
  """Measures, prints a table and perhaps writes a file.

  Raises:
    ValueError: a flag that cannot be, or a start that failed.
  """
  cores = machine.limit_cores(_THREADS.value)
  found = machine.about("experiments.benchmark_startup", cores)
  found["imports"] = measure_startup.imports(_REPETITIONS.value)
  for module, seconds in found["imports"].items():
    print(f"{seconds['median']:8.2f} s  import {module}")
  found["starts"] = {}
  for config in _CONFIGS.value:
    found["starts"][config] = measure_startup.starts(config)
    for which, parts in found["starts"][config].items():
      text = ", ".join(f"{k} {v:.2f}" for k, v in parts.items())
      print(f"{config}, {which} start, seconds: {text}")
  if _OUTPUT.value:
    path = pathlib.Path(_OUTPUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
    print(f"wrote {path}")


if __name__ == "__main__":
  cli.run(main)
