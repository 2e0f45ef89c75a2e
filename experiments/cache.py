"""The persistent compilation cache: a second start does not compile again."""

import os
import pathlib

import jax


def enable() -> None:
  """Keeps compiled programs in ~/.cache/segjax, where nobody said otherwise.

  The folder of JAX_COMPILATION_CACHE_DIR is taken if set, and none if it is
  set to nothing. A program is kept that took a tenth of a second or more.
  """
  if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
  if "JAX_COMPILATION_CACHE_DIR" in os.environ:
    return
  home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
  folder = pathlib.Path(home) / "segjax" / "compiled"
  jax.config.update("jax_compilation_cache_dir", str(folder))
