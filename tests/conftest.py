"""Tests share one compilation cache, with the binaries that they start.

They compile in a hurry rather than well.
"""

import os
import pathlib

_CACHE = pathlib.Path(__file__).parent.parent / ".cache" / "compiled"

os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
