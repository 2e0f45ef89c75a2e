"""Flags and environments that say which of several processes this is."""

import pytest

from segjax.training import launchers


def settings(*given, **environment):
  return launchers.settings(*given, environment)


def test_flags_say_all_or_the_error_names_the_others():
  assert settings("host:12", 4, 3) == {
      "coordinator_address": "host:12",
      "num_processes": 4,
      "process_id": 3,
      "cluster_detection_method": "deactivate",
  }
  missing = "there is coordinator=host:12, but no --num_processes and no"
  with pytest.raises(ValueError, match=f"{missing} --process_id"):
    settings("host:12", None, None)
  with pytest.raises(ValueError, match="process_id=0, but no --coordinator"):
    settings(None, 2, 0)
  with pytest.raises(ValueError, match="HOST:PORT, not 'host'"):
    settings("host", 2, 0)
  with pytest.raises(ValueError, match=r"must be 0 to .* which is 1"):
    settings("host:12", 2, 2)


def test_an_environment_is_read():
  own = dict(JAX_COORDINATOR_ADDRESS="a:1", JAX_NUM_PROCESSES="4")
  for index in ("JAX_PROCESS_ID", "JOB_COMPLETION_INDEX"):
    found = settings(None, None, None, **own, **{index: "3"})
    assert found["coordinator_address"] == "a:1"
    assert (found["num_processes"], found["process_id"]) == (4, 3)
  with pytest.raises(ValueError, match="JAX_PROCESS_ID='x'; it is a number"):
    settings(None, None, None, **own, JAX_PROCESS_ID="x")
  with pytest.raises(ValueError, match="process_id=3, but no --coordinator"):
    settings(None, None, None, JAX_NUM_PROCESSES="4", JAX_PROCESS_ID="3")


def test_open_mpi_5_says_all_but_the_address():
  one = dict(
      OMPI_COMM_WORLD_SIZE="2",
      OMPI_COMM_WORLD_RANK="1",
      OMPI_COMM_WORLD_LOCAL_RANK="1",
      OMPI_COMM_WORLD_LOCAL_SIZE="2",
      PMIX_NAMESPACE="job",
  )
  found = settings(None, None, None, **one)
  assert found["coordinator_address"].startswith("127.0.0.1:")
  assert (found["process_id"], found["local_device_ids"]) == (1, [1])
  many = one | dict(OMPI_COMM_WORLD_LOCAL_SIZE="1")
  with pytest.raises(ValueError, match="no --coordinator"):
    settings(None, None, None, **many)
  found = settings("a:1", None, None, **many)
  assert (found["coordinator_address"], found["num_processes"]) == ("a:1", 2)


def test_slurm_may_be_told_where_process_0_is():
  slurm = dict(SLURM_NTASKS="2", SLURM_PROCID="1", SLURM_LOCALID="0")
  found = settings("a:1", None, None, **slurm)
  assert (found["num_processes"], found["process_id"]) == (2, 1)
  assert found["local_device_ids"] == [0]
  # Flags that say all say all: this process may use each GPU of its machine.
  assert "local_device_ids" not in settings("a:1", 2, 1, **slurm)


def test_what_jax_knows_by_itself_is_left_to_it():
  """SLURM within srun, Open MPI 4, and Cloud TPU, which has no variables."""
  assert settings(None, None, None) == {}
  assert settings(None, None, None, JAX_COORDINATOR_ADDRESS="a:1") == {}
  assert settings(None, None, None, SLURM_NTASKS="2", SLURM_PROCID="0") == {}
  four = dict(OMPI_COMM_WORLD_SIZE="2", OMPI_COMM_WORLD_RANK="0")
  assert settings(None, None, None, **four, OMPI_MCA_orte_hnp_uri="x") == {}
