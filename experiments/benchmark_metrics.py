r"""How fast metrics are counted: on the device, against the host.

  python -m experiments.benchmark_metrics --output=benchmarks/metrics/cpu.json

From the same logits in one run: our confusion matrix, jitted with the argmax
before it, of which k x k numbers leave the device; and the way of the PyTorch
toolboxes with what is theirs at its quickest: the logits are brought to the
host, NumPy takes the argmax and `np.bincount` counts. A third way, the argmax
on the device and `np.bincount` on the host, is measured as well. All three must
give the same matrix.
"""

from absl import flags

from experiments import cli, machine, measure_metrics

_SIZE = flags.DEFINE_list(
    "size", ["1024", "2048"], "Height, width of an image."
)
_BATCH = flags.DEFINE_integer("batch", 1, "Images at once.", lower_bound=1)
_CLASSES = flags.DEFINE_integer("num_classes", 19, "Classes.", lower_bound=2)
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 10, "How often each time is taken.", lower_bound=1
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
  shape = (_BATCH.value, *machine.parse_size(_SIZE.value))
  cores = machine.limit_cores(_THREADS.value)
  found = machine.about("experiments.benchmark_metrics", cores)
  found |= measure_metrics.measure(shape, _CLASSES.value, _REPETITIONS.value)
  for way, seconds in found["seconds"].items():
    print(f"{1e3 * seconds['median']:9.2f} ms  {way}")
  for way, ratio in found["times_as_long_as_ours"].items():
    print(f"{ratio:9.1f} times as long: {way}")
  machine.write(found, _OUTPUT.value)


if __name__ == "__main__":
  cli.run(main)
