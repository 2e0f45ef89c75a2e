r"""How the memory of a training step falls when images lie on many devices.

  python -m experiments.benchmark_memory --output=benchmarks/memory/cpu.json

The compiler's own plan for one device of `config.mesh.space` = 1, 2 and 4, of
which each holds some rows of every image. The devices are virtual and the step
does not run, so that a laptop can tell; other compilers than the one for CPUs
plan otherwise.
"""

import os

from absl import flags

from experiments import cli, machine

_NETWORKS = flags.DEFINE_list(
    "networks", None, "Which of measure_memory.NETWORKS; all if left out."
)
_SIZE = flags.DEFINE_list(
    "size", ["1024", "2048"], "Height, width of an image."
)
_SPACE = flags.DEFINE_list("space", ["1", "2", "4"], "Devices over the height.")
_BATCH = flags.DEFINE_integer("batch", 1, "Images at once.", lower_bound=1)
_OUTPUT = flags.DEFINE_string("output", None, "The .json file to write.")


def main() -> None:
  """Compiles every network for every number of devices.

  Raises:
    ValueError: a flag that cannot be.
  """
  size = machine.parse_size(_SIZE.value)
  if not all(v.strip().isdigit() and int(v) for v in _SPACE.value):
    raise ValueError(
        f"--space is {','.join(_SPACE.value)!r}; it takes positive whole"
        " numbers, with commas between them"
    )
  spaces = [1, *sorted({int(v) for v in _SPACE.value} - {1})]
  # Before the devices are counted for the first time, when jax starts.
  os.environ["XLA_FLAGS"] = (
      f"{os.environ.get('XLA_FLAGS', '')}"
      f" --xla_force_host_platform_device_count={spaces[-1]}"
  )
  os.environ.setdefault("JAX_PLATFORMS", "cpu")
  from experiments import measure_memory

  names = _NETWORKS.value or list(measure_memory.NETWORKS)
  cores = machine.limit_cores(0)
  found = machine.about("experiments.benchmark_memory", cores) | {"cases": []}
  print(measure_memory.HEADER, flush=True)
  for name in names:
    for space in spaces:
      case = measure_memory.measure(name, size, space, _BATCH.value)
      alone = case if space == 1 else alone
      found["cases"].append(case)
      print(measure_memory.row(case, alone), flush=True)
  machine.write(found, _OUTPUT.value)


if __name__ == "__main__":
  cli.run(main)
