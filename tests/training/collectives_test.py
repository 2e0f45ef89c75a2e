"""Devices that share an image send each other the rows at their borders."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.models.tiny import MODELS, ONE_OF_EACH_CLASS
from tests.training import collectives

ROOT = pathlib.Path(__file__).parents[2]


def network(program):
  """The name in "forward:name"."""
  return program.partition(":")[2]


SENDS = {
    "CRF-RNN": ("/crf/", "a dense CRF joins every pixel with all others"),
}
"""Where in a network more is sent than the rows at borders, and why."""

LEARNING = (
    "DeepLabV3",
    "DRNSeg",
    "FCN-8s",
    "FRRN",
    "PSPNet",
    "SegNet",
    "UNet",
)
"""Together they have every operation that moves rows, and its gradient."""

EVERYTHING = bool(os.environ.get("SEGJAX_ALL"))
"""Whether to compile all networks and all gradients, which takes ten minutes.

Otherwise it is one network of each class whose rows are its neighbours' alone.
"""

NAMES = MODELS if EVERYTHING else sorted(set(ONE_OF_EACH_CLASS) - set(SENDS))
GRADIENT = MODELS if EVERYTHING else LEARNING
FORWARD = [f"forward:{name}" for name in NAMES if name not in GRADIENT]
GRADIENT = [f"gradient:{name}" for name in GRADIENT]
TALLER = [p for p in GRADIENT if EVERYTHING and network(p) not in SENDS] or [
    f"forward:{name}" for name in ("FCN-8s", "FRRN", "PSPNet", "UNet")
]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
  """What `collectives` finds in each program."""
  file = tmp_path_factory.mktemp("programs") / "found.json"
  environment = os.environ | {
      "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
      "JAX_PLATFORMS": "cpu",
  }
  taller = [f"2*{program}" for program in TALLER]
  subprocess.run(
      [
          *(sys.executable, "-m", "tests.training.collectives", str(file)),
          *{*FORWARD, *GRADIENT, *TALLER, *taller},
      ],
      env=environment,
      cwd=ROOT,
      check=True,
  )
  return json.loads(file.read_text())


@pytest.mark.parametrize("program", FORWARD + GRADIENT)
def test_no_device_gathers_what_the_others_have(programs, program):
  """Neither maps nor anything else: parameters are on every device."""
  allowed, _ = SENDS.get(network(program), (None, None))
  sent = [
      (kind, shapes, place)
      for kind, shapes, place in programs[program]
      if kind not in ("all-reduce", "collective-permute")
  ]
  assert not [x for x in sent if allowed is None or allowed not in x[-1]]
  if allowed is not None:
    assert sent, f"{network(program)} is no exception any more"


@pytest.mark.parametrize("program", TALLER)
def test_what_is_sent_does_not_grow_with_the_height(programs, program):
  """Halos, sums over all rows, mirrored margins: no part of the image.

  So it is no map that is summed or passed on in a gather's place.
  """
  low, high = (
      [(kind, shapes) for kind, shapes, _ in programs[name]]
      for name in (program, f"2*{program}")
  )
  assert low == high


def test_every_program_says_something():
  """A reader that finds nothing would pass all tests above."""
  program = (
      '%a = f32[2,8]{1,0} all-gather(f32[1,8]{1,0} %x), metadata={op_name="f/g"}'
      "\n%b = (f32[3]{0}, bf16[4,1]{1,0}) all-reduce(%y, %z), channel_id=1"
      "\n%c = f32[2,8] add(%a, %a)"
      "\n%d = f32[9]{0} collective-permute-start(%e)"
  )
  assert collectives.read(program) == [
      ("all-gather", "f32[2,8]", "f/g"),
      ("all-reduce", "bf16[4,1] f32[3]", ""),
      ("collective-permute", "f32[9]", ""),
  ]
