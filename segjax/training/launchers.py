"""How a process learns that it is one of several: arguments, environment."""

from collections.abc import Mapping
from typing import Any, NamedTuple
import zlib

_NAMES = ("coordinator", "num_processes", "process_id")


class _Launcher(NamedTuple):
  """The variables with how many processes there are, and which this is.

  Attributes:
    local: which of its machine it is.
    detect: those that let JAX find out everything by itself.
  """

  count: str
  index: str
  local: str | None = None
  detect: frozenset[str] = frozenset({"never"})


_OMPI = "OMPI_COMM_WORLD_"
_LAUNCHERS = (
    _Launcher("JAX_NUM_PROCESSES", "JAX_PROCESS_ID"),
    _Launcher("JAX_NUM_PROCESSES", "JOB_COMPLETION_INDEX"),
    _Launcher(
        f"{_OMPI}SIZE",
        f"{_OMPI}RANK",
        f"{_OMPI}LOCAL_RANK",
        frozenset({"OMPI_MCA_orte_hnp_uri"}),
    ),
    _Launcher("SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID", frozenset()),
)


def settings(
    coordinator: str | None,
    num_processes: int | None,
    process_id: int | None,
    environment: Mapping[str, str],
) -> dict[str, Any]:
  """What `jax.distributed.initialize` is told; empty to let it look itself.

  JAX knows SLURM (within `srun`), Open MPI up to version 4, Kubernetes (with
  the package `kubernetes`) and Cloud TPU. Known here, beside the arguments:

  * JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES, JAX_PROCESS_ID;
  * for an indexed job of Kubernetes, JOB_COMPLETION_INDEX in the last one's
    place;
  * Open MPI's and SLURM's numbers, where the coordinator's address is an
    argument or JAX_COORDINATOR_ADDRESS. Open MPI 5 does not say where process
    0 is; on a single machine it is this one.

  Raises:
    ValueError: as `distributed.initialize`.
  """
  address = coordinator or environment.get("JAX_COORDINATOR_ADDRESS")
  launcher = next(
      (n for n in _LAUNCHERS if {n.count, n.index} <= environment.keys()), None
  )
  given = (num_processes, process_id) != (None, None)
  if not (address or given):
    if launcher is None or launcher.detect <= environment.keys():
      return {}
    address = _single_machine(environment)
  elif not (coordinator or given or launcher):
    return {}
  local = None
  if launcher is not None and not given:
    num_processes = _number(environment, launcher.count)
    process_id = _number(environment, launcher.index)
    local = launcher.local
  values = dict(zip(_NAMES, (address, num_processes, process_id)))
  missing = [f"--{name}" for name, value in values.items() if value is None]
  if missing:
    known = [f"{k}={v}" for k, v in values.items() if v is not None]
    raise ValueError(
        f"several processes need {', '.join(f'--{n}' for n in _NAMES)} (or"
        f" their environment); there is {' and '.join(known)}, but no"
        f" {' and no '.join(missing)}"
    )
  _check(**values)
  values["coordinator_address"] = values.pop("coordinator")
  if local is not None:  # One GPU for each process, as where JAX looks itself.
    values["local_device_ids"] = [_number(environment, local)]
  return values | {"cluster_detection_method": "deactivate"}


def _single_machine(environment: Mapping[str, str]) -> str | None:
  """Of Open MPI 5, which does not say where process 0 is."""
  size = environment.get("OMPI_COMM_WORLD_LOCAL_SIZE")
  if size is None or size != environment.get("OMPI_COMM_WORLD_SIZE"):
    return None
  job = zlib.crc32(environment.get("PMIX_NAMESPACE", "").encode())
  return f"127.0.0.1:{61440 + job % 4096}"


def _number(environment: Mapping[str, str], name: str) -> int:
  text = environment.get(name, "")
  if not text.isdecimal():
    raise ValueError(f"the environment has {name}={text!r}; it is a number")
  return int(text)


def _check(coordinator: str, num_processes: int, process_id: int) -> None:
  host, colon, port = coordinator.rpartition(":")
  if not (host and colon and port.isdecimal()):
    raise ValueError(f"--coordinator is HOST:PORT, not {coordinator!r}")
  if not 0 <= process_id < num_processes:
    raise ValueError(
        f"--process_id={process_id} must be 0 to --num_processes - 1, which is"
        f" {num_processes - 1}"
    )
