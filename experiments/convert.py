r"""Turns a public checkpoint into one of ours.

  python -m experiments.convert --source=mmseg/pspnet_r50-d8 \
      --checkpoint=pspnet.pth --output=runs/pspnet

writes under --output an Orbax checkpoint `variables` of {"params",
"batch_stats"} and `model.json`: the source, the number of classes (null for a
backbone) and of parameters, and, where the house knows them, the preprocessing
and the protocol of its images and the data set of its classes. `evaluate` and
`predict` take the folder as their --workdir. `--source=list` lists the sources.
Without --checkpoint, the official file is downloaded where its address is known.
"""

import dataclasses
import json
import pathlib

from absl import flags
import jax
import orbax.checkpoint as ocp

from experiments import cli, converted
from segjax import convert

_SOURCE = flags.DEFINE_string(
    "source", None, "Where the checkpoint is from; `list` lists the names."
)
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "A .pth, .pt, .safetensors or .npz file; the official one by default.",
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for what is written.")


def main() -> None:
  """Converts what the flags say.

  Raises:
    FileNotFoundError: there is no such checkpoint file.
    FileExistsError: the output folder holds a checkpoint already.
    OSError: the official file cannot be downloaded.
    ValueError: a flag is missing, no official file is known, or the checkpoint
      is not the source's.
  """
  if _SOURCE.value == "list":
    print("\n".join(convert.sources()))
    return
  for flag in (_SOURCE, _OUTPUT):
    if not flag.value:
      raise ValueError(f"--{flag.name} is missing; see --help")
  convert.source(_SOURCE.value)  # Before a large file is read.
  output = pathlib.Path(_OUTPUT.value).absolute()
  variables_path = output / converted.VARIABLES
  if variables_path.exists():
    raise FileExistsError(f"{variables_path} exists; choose another --output")
  checkpoint = _CHECKPOINT.value or convert.download(_SOURCE.value)
  model, variables = convert.load(_SOURCE.value, checkpoint)
  about = {
      "source": _SOURCE.value,
      "num_classes": getattr(model, "num_classes", None),
      "parameters": sum(x.size for x in jax.tree.leaves(variables["params"])),
      **dataclasses.asdict(convert.preset(_SOURCE.value)),
  }
  output.mkdir(parents=True, exist_ok=True)
  with ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save(variables_path, variables)
  (output / converted.FILE).write_text(json.dumps(about, indent=2) + "\n")
  print(
      f"{about['source']}: {about['parameters']:,} parameters,"
      f" {about['num_classes'] or 'no'} classes -> {output}"
  )


if __name__ == "__main__":
  cli.run(main)
