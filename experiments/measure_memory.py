"""Memory of a training step per device, as the compiler plans it.

Nothing is computed and nothing allocated: a step is compiled for a mesh of
virtual devices.
"""

from collections.abc import Callable, Mapping
import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import optax

from segjax import losses, ops
from segjax.backbones import hrnet as branches
from segjax.backbones import resnet
from segjax.models import deeplab_v3, hrnet, pspnet, unet
from segjax.training import sharding, state, step

CLASSES = 19
"""Of Cityscapes, whose images have 1024x2048 pixels."""

NETWORKS: Mapping[str, Callable[[], nn.Module]] = {
    "deeplab_v3_r50": lambda: deeplab_v3.DeepLabV3(
        CLASSES, resnet.ResNet(output_stride=8)
    ),
    "pspnet_r50": lambda: pspnet.PSPNet(
        CLASSES, resnet.ResNet(output_stride=8)
    ),
    "hrnet_w18": lambda: hrnet.HRNetV2(CLASSES, branches.HRNet(18)),
    "unet": lambda: unet.UNet(CLASSES),
}

HEADER = (
    "| network | space | activations, GiB | all, GiB | share of one device |\n"
    "|---|--:|--:|--:|--:|"
)


def measure(
    name: str, size: tuple[int, int], space: int, batch: int = 1
) -> dict[str, Any]:
  """Bytes on each device while a step of SGD with momentum runs.

  Args:
    name: of `NETWORKS`, else ValueError.
    size: height and width of an image.
    space: devices over which the height is spread.
    batch: images at once, on these devices together.

  Returns:
    "temporary" is what the step needs while it runs, most of it activations;
    "arguments" are the state and the batch, "results" what of the new state
    does not lie where the old one was; "total" is the sum.
  """
  if name not in NETWORKS:
    raise ValueError(f"no network {name!r}; there are {', '.join(NETWORKS)}")
  if space > jax.device_count():
    raise ValueError(
        f"space is {space}; there are {jax.device_count()} devices"
    )
  model, tx = NETWORKS[name](), optax.sgd(0.01, momentum=0.9)
  mesh = sharding.make_mesh(1, space, jax.devices()[:space])
  replicated = sharding.replicated(mesh)
  shaped = lambda x, where: jax.ShapeDtypeStruct(
      x.shape, x.dtype, sharding=where
  )
  start = state.abstract_state(model, tx, (1, 64, 64, 3), sharding=replicated)
  images = {
      "image": jax.ShapeDtypeStruct((batch, *size, 3), jnp.uint8),
      "label": jax.ShapeDtypeStruct((batch, *size), jnp.uint8),
  }
  images = {
      key: shaped(x, sharding.batch_sharding(mesh, key))
      for key, x in images.items()
  }
  rng = shaped(jax.eval_shape(lambda: jax.random.key(0)), replicated)
  update = functools.partial(
      step.train_step,
      model=model,
      loss_fn=loss,
      tx=tx,
      preprocess=lambda image: ops.normalize(image, "imagenet"),
  )
  update = jax.jit(
      update, donate_argnums=0, out_shardings=(replicated, replicated)
  )
  # The plan of the memory is made before what this option hurries.
  options = {"xla_backend_optimization_level": 0}
  compiled = update.lower(start, images, rng).compile(options)
  plan = compiled.memory_analysis()
  found = {
      "temporary": plan.temp_size_in_bytes,
      "arguments": plan.argument_size_in_bytes,
      "results": plan.output_size_in_bytes - plan.alias_size_in_bytes,
  }
  found["total"] = sum(found.values())
  about = {"network": name, "size": list(size), "batch": batch, "space": space}
  return about | {"bytes": found}


def loss(outputs, labels):
  """Cross-entropy of the logits, and of auxiliary logits at 0.4."""
  weights = {"logits": 1.0, "aux": 0.4}
  terms = {key: (losses.cross_entropy, weights[key]) for key in outputs}
  return losses.combine(terms)(outputs, labels)


def row(case: Mapping[str, Any], alone: Mapping[str, Any]) -> str:
  """A line of the table; `alone` is the case of one device."""
  total, temporary = case["bytes"]["total"], case["bytes"]["temporary"]
  return (
      f"| {case['network']} | {case['space']} | {temporary / 2**30:.2f} |"
      f" {total / 2**30:.2f} | {total / alone['bytes']['total']:.2f} |"
  )
