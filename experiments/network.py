"""The network that `evaluate` and `predict` are to use, and its flags."""

import os

from absl import flags
from flax import linen as nn

from experiments import converted
from experiments import trained as trained_lib
from segjax import ops, types
from segjax.layers import fold

_DATASET = flags.DEFINE_string(
    "dataset", "", "whose classes a converted checkpoint has, such as voc2012"
)
_PREPROCESS = flags.DEFINE_enum(
    "preprocess",
    None,
    sorted(ops.PRESETS),
    "what a converted checkpoint was trained to see",
)
_FOLD = flags.DEFINE_bool(
    "fold", True, "fold BatchNorm into the convolutions before it"
)


def load(workdir: str | os.PathLike[str], which: str) -> trained_lib.Trained:
  """The network of a run, or of what `experiments.convert` has written.

  Raises:
    FileNotFoundError, ValueError: as `trained.load` and `converted.load`; or a
      flag is for the other kind.
  """
  if converted.is_one(workdir):
    return converted.load(
        workdir,
        dataset=_DATASET.value,
        preprocess=_PREPROCESS.value or "",
    )
  for flag in (_DATASET, _PREPROCESS):
    if flag.value:
      raise ValueError(
          f"--{flag.name} is for converted checkpoints; the config of the run"
          f" in {workdir} says what it was trained on"
      )
  return trained_lib.load(workdir, which)


def for_inference(
    trained: trained_lib.Trained, model: nn.Module
) -> tuple[nn.Module, types.Variables]:
  """A network with the variables of a run, folded if --fold says so.

  Args:
    trained: the run.
    model: its network, perhaps at another output stride.
  """
  if not _FOLD.value:
    return model, trained.variables
  size = trained_lib.image_size(trained.config)
  return fold.fold(model, trained.variables, (1, *size, 3))
