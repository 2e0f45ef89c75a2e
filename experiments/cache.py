"""The persistent compilation cache: a second start does not compile again."""

import os
import pathlib

import jax


def enable() -> None:
  """Keeps compiled programs in ~/.cache/segjax, where nobody said otherwise.

  The folder of JAX_COMPILATION_CACHE_DIR is taken if set, and none if it is
  set to nothing.
  """
  if "JAX_COMPILATION_CACHE_DIR" in os.environ:
    return
  home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
  folder = pathlib.Path(home) / "segjax" / "compiled"
  jax.config.update("jax_compilation_cache_dir", str(folder))
