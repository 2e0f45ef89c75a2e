"""Launch files parse, and start the train binary with flags that it has."""

import os
import pathlib
import re
import shlex
import subprocess

import pytest
import yaml

from configs import common
from experiments import config as config_lib
from segjax.training import launchers

ROOT = pathlib.Path(__file__).parents[1]
LAUNCH = ROOT / "launch"
FAKE = """#!/bin/bash
printf '%s\\n' "$(basename "$0")" "$@" > "$FAKES/$(basename "$0").args"
exit ${STATUS:-0}
"""


def run(folder, script, *arguments, status=0, **environment):
  """The script's exit status, and {command: what it was called with}."""
  for name in ("srun", "scontrol", "gcloud"):
    fake = folder / name
    fake.write_text(FAKE)
    fake.chmod(0o755)
  environment |= {
      "FAKES": str(folder),
      "PATH": f"{folder}:{os.environ['PATH']}",
  }
  done = subprocess.run(
      ["bash", str(LAUNCH / script), *arguments],
      env=environment | {"STATUS": str(status)},
      check=False,
  )
  called = {p.stem: p.read_text().splitlines() for p in folder.glob("*.args")}
  return done.returncode, called


def assert_flags_exist(arguments):
  """Of what comes after experiments.train on its command line."""
  source = (ROOT / "experiments" / "train.py").read_text()
  names = {"config"} | set(re.findall(r'DEFINE_\w+\(\s*"(\w+)"', source))
  for argument in arguments:
    name, _, value = argument.removeprefix("--").partition("=")
    assert argument.startswith("--"), argument
    if name.startswith("config."):
      name = name.removeprefix("config.")
      config_lib.override(common.defaults(), name, value)
    else:
      assert name in names
    if name == "config":
      assert (ROOT / value).is_file()
  return arguments


def after_train(words):
  return words[words.index("experiments.train") + 1 :]


@pytest.mark.parametrize("name", sorted(p.name for p in LAUNCH.glob("*.s*")))
def test_a_script_parses(name):
  subprocess.run(["bash", "-n", str(LAUNCH / name)], check=True)


@pytest.mark.parametrize(
    "status, requeued", ((0, False), (1, False), (143, True))
)
def test_slurm_starts_the_run_and_queues_it_again_when_stopped(
    tmp_path, status, requeued
):
  arguments = "configs/deeplab_v3_voc.py", "runs/with space", "--config.seed=1"
  found, called = run(
      tmp_path, "slurm.sbatch", *arguments, status=status, SLURM_JOB_ID="7"
  )
  assert found == status
  assert assert_flags_exist(after_train(called["srun"])) == [
      "--distributed",
      "--config=configs/deeplab_v3_voc.py",
      "--workdir=runs/with space",
      "--config.seed=1",
  ]
  assert called.get("scontrol") == (
      ["scontrol", "requeue", "7"] if requeued else None
  )


def test_slurm_starts_a_process_for_each_gpu():
  """As JAX takes it: the i-th task of a machine gets the i-th GPU alone."""
  text = (LAUNCH / "slurm.sbatch").read_text()
  options = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)", text, re.MULTILINE))
  assert options["ntasks-per-node"] == options["gpus-per-node"]
  assert options["signal"].startswith("TERM@")


def test_a_tpu_gets_the_command_on_all_machines(tmp_path):
  status, called = run(
      tmp_path,
      "tpu_vm.sh",
      "configs/deeplab_v3_voc.py",
      "/mnt/with space",
      TPU="tpu",
      ZONE="zone",
  )
  assert status == 0
  before, _, command = "\n".join(called["gcloud"]).partition("--command=")
  assert {"ssh", "tpu", "--zone=zone", "--worker=all"} <= set(before.split())
  subprocess.run(["bash", "-n", "-c", command], check=True)
  assert assert_flags_exist(after_train(shlex.split(command))) == [
      "--distributed",
      "--config=configs/deeplab_v3_voc.py",
      "--workdir=/mnt/with space",
  ]


def test_a_tpu_without_a_name_is_an_error(tmp_path):
  status, called = run(tmp_path, "tpu_vm.sh", "config", "workdir", ZONE="zone")
  assert status
  assert not called


def test_the_pods_of_a_jobset_find_each_other():
  jobset = yaml.safe_load((LAUNCH / "jobset.yaml").read_text())
  name = jobset["metadata"]["name"]
  (workers,) = jobset["spec"]["replicatedJobs"]
  job = workers["template"]["spec"]
  (train,) = job["template"]["spec"]["containers"]
  assert "--distributed" in assert_flags_exist(after_train(train["command"]))
  environment = {e["name"]: e["value"] for e in train["env"]}
  for i in range(job["completions"]):
    found = launchers.settings(
        None, None, None, environment | {"JOB_COMPLETION_INDEX": str(i)}
    )
    assert found["process_id"] == i
  assert found["num_processes"] == job["completions"] == job["parallelism"]
  host, port = found["coordinator_address"].split(":")
  assert host == f"{name}-{workers['name']}-0-0.{name}"
  assert train["ports"] == [{"containerPort": int(port)}]
  claims = {v["name"] for v in job["template"]["spec"]["volumes"]}
  assert claims == {m["name"] for m in train["volumeMounts"]}
