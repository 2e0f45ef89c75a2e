r"""Examples a second that our streams read, against PyTorch's DataLoader.

  python -m experiments.benchmark_data --output=benchmarks/data_cpu.json

For images of PASCAL VOC's size (JPEG, 375 x 500, cropped to 513) and of
Cityscapes' (PNG, 1024 x 2048, cropped to 769), drawn for the purpose: decode,
random scale 0.5 to 2, crop with the 0.75 limit, flip, batch. Ours and the peer
(`experiments.data_peer`) read the same files with as many threads as it has
worker processes, and take turns. There are two peers: one makes what training
in PyTorch takes, normalised float32 images; one stops at uint8, as ours does,
which normalises on the device. The share of each stage is measured in one
thread.
"""

import pathlib
import tempfile

from absl import flags

from experiments import cli, machine, measure_data

_KINDS = flags.DEFINE_list(
    "kinds", list(measure_data.KINDS), "Sizes of images to measure."
)
_WORKERS = flags.DEFINE_integer(
    "workers", 0, "Threads and processes; 0 for one a core.", lower_bound=0
)
_SECONDS = flags.DEFINE_float(
    "seconds", 3.0, "Of each measurement, of which there are three a side."
)
_EPOCHS = flags.DEFINE_integer(
    "epochs", 20, "Over which the memory is watched.", lower_bound=2
)
_THREADS = flags.DEFINE_integer(
    "threads", 0, "CPU cores; 0 for all.", lower_bound=0
)
_OUTPUT = flags.DEFINE_string("output", None, "The .json file to write.")


def main() -> None:
  """Measures, prints a table and perhaps writes a file.

  Raises:
    ValueError: a flag that cannot be.
  """
  for kind in _KINDS.value:
    if kind not in measure_data.KINDS:
      raise ValueError(
          f"--kinds has {kind!r}; there are {', '.join(measure_data.KINDS)}"
      )
  if _SECONDS.value <= 0:
    raise ValueError(f"--seconds={_SECONDS.value} must be positive")
  cores = machine.limit_cores(_THREADS.value)
  workers = _WORKERS.value or cores
  found = machine.about("experiments.benchmark_data", cores)
  found |= {"workers": workers, "kinds": {}}
  with tempfile.TemporaryDirectory() as folder:
    memory = measure_data.memory(
        measure_data.KINDS["voc"],
        pathlib.Path(folder) / "memory",
        workers,
        _EPOCHS.value,
    )
    found["memory"] = memory
    for kind in _KINDS.value:
      result = measure_data.measure(
          measure_data.KINDS[kind],
          pathlib.Path(folder) / kind,
          workers,
          cores,
          _SECONDS.value,
      )
      found["kinds"][kind] = result
      for side, rate in result["examples_per_second_per_core"].items():
        print(f"{rate['median']:9.1f} examples/s per core  {kind}, {side}")
      for side, ratio in result["our_rate_over_theirs"].items():
        print(f"{ratio:9.2f} times the rate of {side}")
      for stage, share in result["share_of_stages"].items():
        print(f"{100 * share:9.0f} %  {stage}")
  growth = memory["growth_mib"]
  print(f"{growth:9.1f} MiB more in the last of {_EPOCHS.value} epochs")
  machine.write(found, _OUTPUT.value)


if __name__ == "__main__":
  cli.run(main)
