"""A large image is evaluated in bounded memory."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import jax, jax.numpy as jnp, numpy as np
from segjax.models import unet
from segjax.training import protocol, views

model = unet.UNet(21, features=(4, 8), padding="same")
image = np.random.default_rng(0).integers(0, 256, (1, 4000, 6000, 3), np.uint8)
scaled = lambda x: x / 255.0
init = jax.jit(lambda key: model.init(key, jnp.zeros((1, 64, 64, 3)), train=False))
variables = init(jax.random.key(0))
slide = protocol.Protocol(window=(512, 512), stride=(384, 384))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
classes = views.classes(model, variables, image, protocol=slide, preprocess=scaled)
assert classes.shape == (1, 4000, 6000)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) / 1e6)
"""


@pytest.mark.heavy
def test_4000_x_6000_pixels_need_the_strips_and_not_the_whole():
  """Three strips (0.8 GB), image and classes; all logits alone were 2 GB."""
  done = subprocess.run(
      [sys.executable, "-c", PROGRAM],
      capture_output=True,
      text=True,
      check=True,
      timeout=570,
  )
  gigabytes = float(done.stdout)
  strips = 3 * 512 * 6000 * 21 * 4 / 1e9
  rest = 4000 * 6000 * (2 * 3 + 2 * 4) / 1e9  # the image and the classes, twice
  window = 0.3
  assert gigabytes < strips + rest + window, f"{gigabytes:.2f} GB"
