"""What the devices send each other: read off the compiled programs.

  python -m tests.training.collectives FILE forward:UNet gradient:UNet ...

writes {"forward:UNet": [[kind, shapes, place in the network], ...], ...} to FILE.
Images have HEIGHTS[0] rows, after "2*" HEIGHTS[1]. Nothing is computed. The mesh
is {data: 2, space: 2}.
"""

import functools
import json
import pathlib
import re
import sys

import jax
import jax.numpy as jnp

from segjax.training import sharding
from tests import variables as draws
from tests.models import tiny

HEIGHTS = (1024, 2048)
"""Rates and margins must not pass a device's share, as they do not in use."""

WIDTH = 32

KINDS = (
    "all-gather",
    "all-reduce",
    "all-to-all",
    "collective-broadcast",
    "collective-permute",
    "ragged-all-to-all",
    "reduce-scatter",
)

_LINE = re.compile(rf"= (.*?) ({'|'.join(KINDS)})(?:-start)?\(")
_SHAPE = re.compile(r"\b[a-z]\w*\[[\d,]*\]")
_PLACE = re.compile(r'op_name="([^"]*)"')


def read(program):
  """[(kind, shapes of the results, name of the operation)] of an HLO text."""
  found = []
  for line in program.splitlines():
    if match := _LINE.search(line):
      place = _PLACE.search(line)
      found.append(
          (
              match[2],
              " ".join(sorted(_SHAPE.findall(match[1]))),
              place[1] if place else "",
          )
      )
  return sorted(found)


def forward(model):
  """The function of (variables, image) that is compiled."""
  return functools.partial(model.apply, train=False)


def gradient(model):
  """As `forward`; the gradient of the outputs' squares, and statistics."""

  def objective(params, batch_stats, image):
    outputs, updates = model.apply(
        {"params": params, "batch_stats": batch_stats},
        image,
        train=True,
        mutable=["batch_stats"],
        rngs={"dropout": jax.random.key(0)},
    )
    return sum(jnp.mean(jnp.square(y)) for y in outputs.values()), updates

  def update(variables, image):
    return jax.grad(objective, has_aux=True)(
        variables["params"], variables.get("batch_stats", {}), image
    )

  return update


def compile_text(function, model, height):
  """The program of one device."""
  mesh = sharding.make_mesh(2, 2, jax.devices()[:4])
  place = lambda x, where: jax.ShapeDtypeStruct(
      x.shape, x.dtype, sharding=where
  )
  image = jax.ShapeDtypeStruct((2, 64, 64, 3), jnp.float32)
  variables = jax.tree.map(
      lambda x: place(x, sharding.replicated(mesh)), draws.shapes(model, image)
  )
  image = jax.ShapeDtypeStruct((2, height, WIDTH, 3), jnp.float32)
  image = place(image, sharding.batch_sharding(mesh, "image"))
  # Gradients are for the optimiser of every device, logits stay where they are.
  everywhere = sharding.replicated(mesh) if function is gradient else None
  compiled = jax.jit(function(model), out_shardings=everywhere).lower(
      variables, image
  )
  return compiled.compile({"xla_backend_optimization_level": 0}).as_text()


def main(file, *wanted):
  """Compiles what is wanted, one after the other."""
  found = {}
  for program in wanted:
    mode, _, name = program.removeprefix("2*").partition(":")
    found[program] = read(
        compile_text(
            {"forward": forward, "gradient": gradient}[mode],
            tiny.MODELS[name][0],
            HEIGHTS[program.startswith("2*")],
        )
    )
  pathlib.Path(file).write_text(json.dumps(found))


if __name__ == "__main__":
  main(*sys.argv[1:])
