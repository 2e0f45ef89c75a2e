"""One run on several processes: how they meet, stop together and fail fast.

JAX runs the same program in every process; `initialize` makes their devices
one list. From then on nobody can go on alone: what stops one must stop all.
"""

from collections.abc import Callable, Iterator
import contextlib
import os
import re
import sys
import time

import jax
from jax._src import distributed as jax_distributed  # The key-value store.
import numpy as np

from segjax.training import launchers

START_SECONDS = 300
"""How long the processes wait for each other at the start."""

HEARTBEAT_SECONDS = 30
"""A process that is silent for so long is taken for dead, and all stop."""

END_SECONDS = 120
"""How long a process that is done waits for the others to be done."""

_STOP = "segjax/stop"
_AHEAD = 2
_LOST = re.compile(
    "Gloo|NCCL|by peer|UNAVAILABLE|DEADLINE_EXCEEDED|ABORTED|[Hh]eartbeat"
    "|[Cc]oordination|[Bb]arrier"
)


class LostProcessError(ConnectionError):
  """Another process of the run has ended, or cannot be reached."""


def initialize(
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
) -> None:
  """Makes this process one of several; before anything else asks JAX.

  Args:
    coordinator: "HOST:PORT" of process 0; the port must be free there.
    num_processes: of the run, over all machines.
    process_id: of this one, counted from 0.

  What is not given is read from the environment: see `launchers`. The
  processes wait `START_SECONDS` for each other.

  Raises:
    ValueError: some are given and others missing, or nothing is given and no
      launcher is known by its environment.
  """
  keywords = launchers.settings(
      coordinator, num_processes, process_id, os.environ
  )
  if keywords:  # XLA's own word, when they do not come, names nobody.
    print(
        f"process {keywords['process_id']} of {keywords['num_processes']}: waits"
        f" for the others at {keywords['coordinator_address']}, at most"
        f" {START_SECONDS} seconds",
        file=sys.stderr,
    )
  jax.config.update("jax_cpu_collectives_implementation", "gloo")
  # It would take SIGTERM away from `signals.Stop`, which asks `agree_to_stop`.
  jax.config.update("jax_enable_preemption_service", False)
  try:
    jax.distributed.initialize(
        **keywords,
        initialization_timeout=START_SECONDS,
        heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        shutdown_timeout_seconds=END_SECONDS,
    )
  except ValueError as error:
    if keywords or "be defined" not in str(error):
      raise
    raise ValueError(
        "no launcher of several processes is known by its environment (SLURM's"
        " srun, Open MPI's mpirun, Kubernetes, Cloud TPU): give --coordinator,"
        " --num_processes and --process_id, or leave out --distributed"
    ) from None


def check_space(space: int) -> None:
  """Refuses a height that would be spread over several processes.

  Raises:
    ValueError: each process reads whole images, so that the devices which
      share one must be its own.
  """
  if jax.process_count() > 1 and jax.local_device_count() % space:
    raise ValueError(
        f"config.mesh.space={space} must divide the {jax.local_device_count()}"
        " devices of each process, which reads whole images"
    )


def agree_to_stop(step: int, received: int | None) -> int | None:
  """The signal to stop for now, the same in all processes, or None.

  To be asked by all before every update. The first process that received a
  signal names the step after the next: since the metrics of an update depend
  on all processes, and are read once the next update was started, no other
  can have come that far. (JAX's preemption service does the like, but misses
  a signal that comes before the first step of a resumed run.) Costs one
  question to the coordinator, 0.4 ms on loopback.

  Args:
    step: updates done.
    received: the number of the signal that this process got, or None.
  """
  client = jax_distributed.global_state.client
  if received is not None:
    try:
      client.key_value_set(_STOP, f"{step + _AHEAD} {received}")
    except jax.errors.JaxRuntimeError as error:
      if "ALREADY_EXISTS" not in str(error):  # Another was first.
        raise
  try:
    stop, number = map(int, client.key_value_try_get(_STOP).split())
  except jax.errors.JaxRuntimeError as error:
    if "NOT_FOUND" not in str(error):
      raise
    return None
  return number if step >= stop else None


@contextlib.contextmanager
def fail_fast(report: Callable[[Exception], None]) -> Iterator[None]:
  """Ends this process at once where the others cannot go on without it.

  An error in one of several processes leaves the others waiting in the next
  sum over all devices, and its own exit would wait for them. So it is reported
  and the process ends with status 1, without waiting for anybody; the others
  then see its connections close, or its heartbeat stop, and end as well. One
  process alone just gets the error.

  Args:
    report: prints an error; of a lost process, a `LostProcessError`.
  """
  try:
    yield
  except Exception as error:
    if not jax.distributed.is_initialized():
      raise
    loss = _loss(error)
    if loss is not None:
      error = LostProcessError(
          f"process {jax.process_index()} of {jax.process_count()}: another"
          f" process of this run has ended or cannot be reached"
          f" ({_first_line(loss)}). The same command, on fewer processes too,"
          " goes on from the last checkpoint"
      )
    report(error)
    if jax.process_index() == 0:
      time.sleep(2)  # Its end ends the others, who may have something to say.
    _end(1)
  except KeyboardInterrupt:
    if not jax.distributed.is_initialized():
      raise
    print("interrupted", file=sys.stderr)
    _end(130)


def _end(status: int) -> None:
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(status)


def _loss(error: BaseException | None) -> BaseException | None:
  """What says that a process is lost: the error, or one that it came from.

  XLA's and Orbax's errors of this kind have no type of their own.
  """
  while error is not None:
    of_kind = isinstance(error, (RuntimeError, ValueError, TimeoutError))
    if of_kind and _LOST.search(_first_line(error)):
      return error
    error = error.__cause__
  return None


def _first_line(error: BaseException) -> str:
  return (str(error).splitlines() or [""])[0][:200]


def local_rows(array: jax.Array, rows: int) -> np.ndarray:
  """Of an array whose rows are spread over all devices, those put here.

  Args:
    array: its rows those of process 0, then of process 1, and so on.
    rows: how many each process has.
  """
  if array.is_fully_replicated:
    first = jax.process_index() * rows
    return np.asarray(array)[first : first + rows]
  whole = np.empty((rows, *array.shape[1:]), array.dtype)
  shards = array.addressable_shards
  first = min(shard.index[0].start or 0 for shard in shards)
  for shard in shards:
    index = shard.index[0]
    start = (index.start or 0) - first
    here = slice(start, start + shard.data.shape[0])
    whole[(here, *shard.index[1:])] = shard.data
  return whole
