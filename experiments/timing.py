"""Times, sizes and failures of what a benchmark calls."""

from collections.abc import Callable, Mapping, Sequence
import statistics
import time
from typing import Any


def analysis(compiled: Any) -> dict[str, Any]:
  """What the compiler says of its program."""
  memory = compiled.memory_analysis()
  peak = (
      memory.argument_size_in_bytes
      + memory.output_size_in_bytes
      + memory.temp_size_in_bytes
      - memory.alias_size_in_bytes
  )
  return {
      "flops": int(compiled.cost_analysis()["flops"]),
      "memory": {
          "arguments": memory.argument_size_in_bytes,
          "outputs": memory.output_size_in_bytes,
          "temporaries": memory.temp_size_in_bytes,
          "total": peak,
      },
  }


def alternate(
    calls: Mapping[str, Callable[[], Any]], repetitions: int
) -> dict[str, list[float]]:
  """Seconds of each call, taken in turns so that all see the same machine."""
  times = {name: [] for name in calls}
  for i in range(repetitions + 1):
    for name, call in calls.items():
      start = time.perf_counter()
      call()
      if i:
        times[name].append(time.perf_counter() - start)
  return times


def summary(times: Sequence[float], batch: int) -> dict[str, Any]:
  """Median and range, and images a second."""
  median = statistics.median(times)
  return {
      "seconds": {"median": median, "min": min(times), "max": max(times)},
      "repetitions": len(times),
      "images_per_second": batch / median,
  }


def attempt(function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
  """What a function returns, or {"error": what went wrong}.

  Not KeyboardInterrupt; a benchmark goes on after everything else, out of
  memory and failed compilations above all.
  """
  try:
    return function()
  except Exception as error:
    return {"error": words(error)}


def words(error: Exception) -> str:
  """One line that says what went wrong."""
  text = " ".join(str(error).split())
  text = f"{type(error).__name__}: {text}" if text else type(error).__name__
  return text if len(text) <= 300 else f"{text[:297]}..."


def conclude(
    ours: Mapping[str, Any],
    peer: dict[str, Any],
    times: Mapping[str, Sequence[float]],
    batch: int,
) -> None:
  """Writes a peer's times down, and the ratio of ours to its fastest form.

  Args:
    ours: our summary.
    peer: what is known of it already, "forms" among it; changed.
    times: of each form that ran.
    batch: images at once.
  """
  for name, seconds in times.items():
    peer["forms"][name] |= summary(seconds, batch)
  if times:
    found = {name: peer["forms"][name] for name in times}
    best = min(found, key=lambda name: found[name]["seconds"]["median"])
    median = found[best]["seconds"]["median"]
    peer |= {"fastest": best} | found[best]
    peer["ratio"] = ours["seconds"]["median"] / median
