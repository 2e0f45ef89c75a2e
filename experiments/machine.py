"""The machine that a benchmark runs on."""

from collections.abc import Sequence
import datetime
import json
import os
import pathlib
import platform
import sys
from typing import Any

import jax
import jaxlib
import numpy as np

import segjax


def about(program: str, cores: int) -> dict[str, Any]:
  """Where and how something was measured: the head of a benchmark's file."""
  device = jax.devices()[0]
  return {
      "command": " ".join(["python -m", program, *sys.argv[1:]]),
      "date": datetime.date.today().isoformat(),
      "device": device.device_kind,
      "devices": jax.device_count(),
      "cpu": _cpu(),
      "cores": cores,
      "load_before": os.getloadavg()[0],
      "versions": {
          "segjax": segjax.__version__,
          "jax": jax.__version__,
          "jaxlib": jaxlib.__version__,
          "numpy": np.__version__,
          "python": platform.python_version(),
      },
  }


def limit_cores(wanted: int) -> int:
  """Keeps this process on `wanted` cores; how many it has then."""
  if not hasattr(os, "sched_setaffinity"):
    if wanted:
      raise ValueError("--threads needs Linux")
    return os.cpu_count()
  there = sorted(os.sched_getaffinity(0))
  if wanted > len(there):
    raise ValueError(f"--threads={wanted}, but there are {len(there)} cores")
  # XLA has a thread for each core that the process may use when it starts.
  os.sched_setaffinity(0, there[: wanted or None])
  return wanted or len(there)


def parse_size(values: Sequence[str]) -> tuple[int, int]:
  """["512", "1024"] as numbers, one number as a square."""
  numbers = [int(v) for v in values if v.strip().isdigit()]
  if len(numbers) != len(values) or len(numbers) not in (1, 2) or 0 in numbers:
    raise ValueError(
        f"--size={','.join(values)} must be HEIGHT,WIDTH in pixels"
    )
  return numbers[0], numbers[-1]


def write(found: dict[str, Any], file: str | None) -> None:
  """Writes what was measured to a .json file, in a new folder if need be."""
  if file:
    path = pathlib.Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
    print(f"wrote {path}")


def _cpu() -> str:
  try:
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
  except OSError:
    return platform.processor()
  names = [x.partition(":")[2].strip() for x in lines if "model name" in x]
  return names[0] if names else platform.processor()
