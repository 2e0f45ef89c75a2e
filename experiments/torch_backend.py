"""What a benchmark asks of PyTorch as a whole: device, forms, memory."""

from collections.abc import Callable
import gc
import time
from typing import Any

import jax
import numpy as np
import torch

from experiments import timing, torch_peer


class Torch:
  """The other side of a benchmark; `measure` knows no more of it than this.

  Attributes:
    device: "cpu" or "cuda", as JAX has it.
    compiled: whether everything also runs under torch.compile.
  """

  inference = staticmethod(torch_peer.Peer)
  training = staticmethod(torch_peer.Trainer)

  def __init__(self, compiled: bool = False):
    """Raises ValueError where PyTorch does not have JAX's device."""
    backend = jax.default_backend()
    if backend not in ("cpu", "gpu"):
      raise ValueError(f"--peer=torch runs on cpu and gpu, not on {backend}")
    if backend == "gpu" and not torch.cuda.is_available():
      raise ValueError(
          f"JAX runs on a GPU, and PyTorch {torch.__version__} sees none:"
          " install its build for CUDA, or set JAX_PLATFORMS=cpu"
      )
    self.device = "cuda" if backend == "gpu" else "cpu"
    self.compiled = compiled
    # The fastest algorithms for the one size there is, and TF32 as XLA has it.
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision(
        "high" if backend == "gpu" else "highest"
    )

  def about(self) -> dict[str, Any]:
    """Version and threads."""
    name, threads = f"PyTorch {torch.__version__}", torch.get_num_threads()
    return {"name": name, "threads": threads, "device": self.device}

  def put(self, array: np.ndarray) -> torch.Tensor:
    """A copy on the device."""
    return torch.tensor(array, device=self.device)

  def wait(self) -> None:
    """For the device."""
    if self.device == "cuda":
      torch.cuda.synchronize()

  def forget(self) -> None:
    """Gives memory and compiled programs back."""
    torch.compiler.reset()
    gc.collect()
    if self.device == "cuda":
      torch.cuda.empty_cache()

  def forms(
      self,
      function: Callable[..., Any],
      call: Callable[[Callable[..., Any]], Any],
  ) -> tuple[dict[str, Any], dict[str, Callable[[], None]]]:
    """Ways to run a function: "eager", and perhaps "compiled".

    Args:
      function: what torch.compile may compile.
      call: runs it, or what has become of it; waits for nothing.

    Returns:
      What is known of each: "first_seconds" of its first call, in which it is
      compiled, "peak_memory" of a later one in bytes where it is known, or the
      "error" of one that fails. And the calls of those that work.
    """
    functions = {"eager": lambda: function}
    if self.compiled:
      functions["compiled"] = lambda: torch.compile(function, dynamic=False)
    known, calls = {}, {}
    for name, make in functions.items():
      known[name] = timing.attempt(lambda make=make: self._first(make, call))
      if "error" not in known[name]:
        calls[name] = known[name].pop("call")
    return known, calls

  def _first(self, make, call):
    start = time.perf_counter()
    function = make()

    def run():
      call(function)
      self.wait()

    run()
    known = {"call": run, "first_seconds": time.perf_counter() - start}
    if self.device == "cuda":
      torch.cuda.reset_peak_memory_stats()
      run()
      known["peak_memory"] = torch.cuda.max_memory_allocated()
    return known
