"""How a training step is spread over devices: as one, or each by itself."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from flax import linen as nn
import jax
from jaxtyping import Array, Float

from segjax import types

P = jax.sharding.PartitionSpec
MODES = ("jit", "pmap")


@dataclasses.dataclass(frozen=True)
class PerDevice:
  """A model whose training pass each device makes by itself, as under pmap.

  It takes a model's place in `step.train_step`, under `jit`:

  * a BatchNorm normalises by the statistics of its device's rows alone, and
    the running statistics are the mean of those of all devices;
  * dropout draws on each device by itself;
  * the outputs are again one array, the rows spread over the devices, so that
    the loss and its gradient are those of the whole batch, whatever the loss
    divides by. JAX adds the devices' gradients of the weights (pmap's `pmean`
    of each device's own mean would weigh a labelled pixel by how few others
    its device has).

  A network without BatchNorm and dropout so does what it does under `jit`
  alone. `jax.pmap` is itself `jit` of `shard_map` by now; this is `shard_map`.

  Attributes:
    model: called for training only.
    mesh: of `data` x 1 devices.
  """

  model: nn.Module
  mesh: jax.sharding.Mesh

  def apply(
      self,
      variables: types.Variables,
      image: Float[Array, "n h w c"],
      *,
      train: bool,
      mutable: Sequence[str],
      rngs: Mapping[str, jax.Array],
  ) -> tuple[types.Outputs, dict[str, Any]]:
    """As Linen's, with the collections `mutable` averaged over the devices.

    Raises:
      ValueError: n is not a multiple of the number of devices.
    """
    devices = self.mesh.shape["data"]
    if image.shape[0] % devices:
      raise ValueError(
          f"{image.shape[0]} images cannot be spread evenly over {devices}"
          " devices"
      )

    def on_a_device(variables, image, rngs):
      device = jax.lax.axis_index("data")
      rngs = {k: jax.random.fold_in(rng, device) for k, rng in rngs.items()}
      outputs, updates = self.model.apply(
          variables, image, train=train, mutable=mutable, rngs=rngs
      )
      return outputs, jax.lax.pmean(updates, "data")

    return jax.shard_map(
        on_a_device,
        mesh=self.mesh,
        in_specs=(P(), P("data"), P()),
        out_specs=(P("data"), P()),
        check_vma=False,  # Networks' loops carry values begun as constants.
    )(variables, image, rngs)


def spread(
    mode: str, model: nn.Module, mesh: jax.sharding.Mesh
) -> nn.Module | PerDevice:
  """What `step.train_step` takes as its model, by `config.parallel`.

  Raises:
    ValueError: no such mode, or "pmap" over a mesh with `space`.
  """
  if mode not in MODES:
    raise ValueError(
        f"config.parallel is {mode!r}; there are {', '.join(MODES)}"
    )
  if mode == "jit":
    return model
  if mesh.shape["space"] > 1:
    raise ValueError(
        "config.parallel='pmap' needs whole images on a device:"
        f" config.mesh.space is 1 then, not {mesh.shape['space']}"
    )
  return PerDevice(model, mesh)
