r"""Copies the weights of a run, without its optimiser, into a small workdir.

  python -m experiments.export --workdir=DIR --output=DIR [--dtype=bfloat16]

`evaluate` and `predict` take the output as they take the run itself.
"""

import pathlib
import tempfile

from absl import flags

from experiments import cli
from experiments import config as config_lib
from experiments import trained as trained_lib
from segjax.training import checkpoint

_WORKDIR = flags.DEFINE_string("workdir", None, "of the run", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "folder that does not exist yet", required=True
)
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", "best", '"best" while training, "last", or a step'
)
_DTYPE = flags.DEFINE_enum(
    "dtype", "float32", ("float32", "bfloat16"), "of the weights in the file"
)


def main() -> None:
  output = pathlib.Path(_OUTPUT.value)
  if output.exists():
    raise FileExistsError(
        f"--output={output} exists already; name a new folder"
    )
  config_text = config_lib.save(config_lib.read(_WORKDIR.value))
  trained = trained_lib.load(_WORKDIR.value, _CHECKPOINT.value)
  output.parent.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory(".part", dir=output.parent) as folder:
    whole = pathlib.Path(folder) / "whole"
    checkpoint.save_variables(
        whole, trained.step, trained.variables, _DTYPE.value
    )
    (whole / config_lib.FILE).write_text(config_text)
    whole.rename(output)
  size = sum(p.stat().st_size for p in output.rglob("*") if p.is_file())
  print(f"step {trained.step} in {output}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
  cli.run(main)
