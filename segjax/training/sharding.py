"""Where arrays lie: batches over the mesh, the state on every device."""

import jax
from jax import sharding
import numpy as np

from segjax import types

P = sharding.PartitionSpec


def make_mesh(
    data: int = 0, space: int = 1, devices: list[jax.Device] | None = None
) -> sharding.Mesh:
  """A mesh of `data` x `space` devices with these axis names.

  Args:
    data: over how many the rows of a batch are spread; 0 takes what `space`
      leaves.
    space: over how many the height of an image is spread.
    devices: all that there are, over all hosts, if None.

  Raises:
    ValueError: the product is not the number of devices.
  """
  devices = jax.devices() if devices is None else devices
  data = data or len(devices) // space
  if data * space != len(devices):
    raise ValueError(
        f"a mesh of data={data} x space={space} does not use all of the"
        f" {len(devices)} devices; their product must be {len(devices)}"
    )
  auto = (sharding.AxisType.Auto,) * 2
  return jax.make_mesh((data, space), ("data", "space"), auto, devices=devices)


def replicated(mesh: sharding.Mesh) -> sharding.NamedSharding:
  """The same on every device: the train state, metrics."""
  return sharding.NamedSharding(mesh, P())


def batch_sharding(mesh: sharding.Mesh, name: str) -> sharding.NamedSharding:
  """Rows over `data`; the height of what lies over an image over `space`."""
  over_image = name in ("image", "label", "weight")
  spread = P("data", "space") if over_image else P("data")
  return sharding.NamedSharding(mesh, spread)


def put_batch(batch: types.Batch, mesh: sharding.Mesh) -> dict[str, jax.Array]:
  """The rows that this process has -> arrays over the whole mesh.

  A height is not rounded up, though the loss could leave out rows of 255: they
  would be in BatchNorm's statistics and in pooled features, and interpolation
  would meet other corners. The crop's size is the run's decision.

  Raises:
    ValueError: the rows of all processes cannot be spread evenly over `data`,
      or the height over `space`.
  """
  rows = len(batch["image"]) * jax.process_count()
  height = batch["image"].shape[1]
  data, space = mesh.shape["data"], mesh.shape["space"]
  if rows % data or height % space:
    raise ValueError(
        f"{rows} images of height {height} cannot be spread evenly over a mesh"
        f" of data={data} x space={space}: the batch size must be a multiple"
        f" of {data} and the height one of {space}"
    )
  return {
      name: jax.make_array_from_process_local_data(
          batch_sharding(mesh, name),
          np.asarray(value),
          (rows, *value.shape[1:]),
      )
      for name, value in batch.items()
  }
