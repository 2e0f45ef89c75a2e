"""The weights of a run without its optimiser: read to use, written to share."""

import os
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from orbax import checkpoint as ocp

from segjax import types
from segjax.training import mismatch, seal, selection


def restore_variables(
    workdir: str | os.PathLike[str],
    which: str | int = "best",
    *,
    like: types.Variables | None = None,
    averaged: bool = True,
) -> dict[str, Any]:
  """The `params` and `batch_stats` of a run, as numpy arrays.

  Args:
    workdir: of the run.
    which: "best" by mIoU in the evaluations during training (the last, if
      there were none), "last", or a step.
    like: what `model.init` gives, or its shapes, to compare with.
    averaged: where the run kept moving averages (EMA), take these.

  Raises:
    FileNotFoundError: there is no such folder, or no checkpoint in it.
    ValueError: there is no checkpoint of this step.
    DamageError: the checkpoint is damaged; DamageError is a ValueError.
    MismatchError: the leaves or shapes are not those of `like`.
  """
  step = selection.find_step(workdir, which)
  folder = pathlib.Path(workdir).absolute() / selection.FOLDER / str(step)
  sealed = False
  try:
    sealed = seal.check(folder)
    return _read_variables(folder, like, averaged)
  except mismatch.MismatchError:
    raise
  except Exception as error:  # Damage shows as any error of the readers.
    if sealed and folder.exists():
      raise  # The files are as written; it may be a lack of memory.
    if not folder.exists():
      raise ValueError(
          f"the checkpoint {folder} was replaced by a later one just now; try"
          " again"
      ) from None
    raise seal.DamageError(
        f"the checkpoint {folder} is damaged ({seal.describe(error)})"
    ) from error


def _read_variables(
    folder: pathlib.Path, like: types.Variables | None, averaged: bool
) -> dict[str, Any]:
  handler = ocp.CompositeCheckpointHandler(
      default=ocp.PyTreeCheckpointHandler()
  )
  with ocp.Checkpointer(handler) as checkpointer:
    saved = checkpointer.metadata(folder).item_metadata["default"].tree
    if averaged and saved.get("ema"):
      wanted = {"ema": saved["ema"]}
    else:
      wanted = {name: saved[name] for name in ("params", "batch_stats")}
    if like is not None:
      like = {name: like.get(name, {}) for name in ("params", "batch_stats")}
      mismatch.check(wanted.get("ema", wanted), like, str(folder))
    numpy = ocp.RestoreArgs(restore_type=np.ndarray)
    restore = ocp.args.PyTreeRestore(
        wanted,
        restore_args=jax.tree.map(lambda _: numpy, wanted),
        partial_restore=True,
    )
    restored = checkpointer.restore(
        folder, args=ocp.args.Composite(default=restore)
    )["default"]
  return _cast(restored.get("ema", restored), np.float32)


def save_variables(
    workdir: str | os.PathLike[str],
    step: int,
    variables: types.Variables,
    dtype: str = "float32",
) -> None:
  """Writes weights alone, as `restore_variables` reads them.

  Args:
    workdir: where `checkpoints` with this step is made.
    step: that the weights are of.
    variables: `params`, and `batch_stats` if there are any.
    dtype: of the params in the file, such as "bfloat16"; the running
      statistics stay as they are.
  """
  tree = {
      "params": _cast(variables["params"], jnp.dtype(dtype)),
      "batch_stats": variables.get("batch_stats", {}),
  }
  folder = pathlib.Path(workdir).absolute() / selection.FOLDER / str(step)
  handler = ocp.CompositeCheckpointHandler(
      default=ocp.PyTreeCheckpointHandler()
  )
  with ocp.Checkpointer(
      handler, temporary_path_class=seal.TemporaryPath
  ) as checkpointer:
    save = ocp.args.PyTreeSave(tree)
    checkpointer.save(
        folder,
        args=ocp.args.Composite(default=save),
        custom_metadata=seal.NOTE,
    )


def _cast(tree: Any, dtype: Any) -> Any:
  return jax.tree.map(lambda x: np.asarray(x).astype(dtype), tree)
