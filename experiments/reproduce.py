r"""Makes a row of docs/results.md: trains, evaluates, writes results/ROW.json.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR
  python -m experiments.reproduce --row=camvid_bisenet_r18_cpu
  python -m experiments.reproduce --row=list

The file has the config and its hash, the commit, seed, device and versions, the
curves, each evaluation with its protocol and confusion matrix, and the time. A
row that was stopped goes on from its last checkpoint. `experiments.results` makes
the page of all files.
"""

from absl import flags

from experiments import cache, cli, reproduction, rows

_ROW = flags.DEFINE_string(
    "row", None, "of experiments/rows.py; `list` lists them", required=True
)
_DATA_DIR = flags.DEFINE_string("data_dir", "data", "of the prepared data")
_RUNS = flags.DEFINE_string("runs", "runs", "folder of the workdirs")
_OUTPUT = flags.DEFINE_string("output", "results", "folder of the rows' files")


def main() -> None:
  """Makes the row, or lists all.

  Raises:
    ValueError: there is no such row, or one of its commands failed.
  """
  if _ROW.value == "list":
    for row in rows.ROWS:
      print(f"{row.name:34} {row.network}, {row.size}")
    return
  cache.enable()
  path = reproduction.reproduce(
      rows.find(_ROW.value),
      data_dir=_DATA_DIR.value,
      runs=_RUNS.value,
      output=_OUTPUT.value,
  )
  print(f"written to {path}")


if __name__ == "__main__":
  cli.run(main)
