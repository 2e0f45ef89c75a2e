"""Whole images in, one confusion matrix out."""

from collections.abc import Callable, Iterable
import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int
import numpy as np

from segjax import metrics, types
from segjax.training import protocol as protocols
from segjax.training import sharding, views

LabelMap = Int[np.ndarray, "h w"]

_STATIC = ("model", "num_classes", "protocol", "preprocess")


@functools.partial(jax.jit, static_argnames=_STATIC)
def count(
    model: nn.Module,
    variables: types.Variables,
    batch: types.Batch,
    num_classes: int,
    **options,
) -> tuple[Int[Array, "k k"], Int[Array, "n h w"]]:
  """The confusion matrix of an evaluation batch, and the predictions.

  Rows that are not `valid` do not count. `options` as in `views.classes`.
  """
  predictions = views.classes(
      model, variables, batch["image"], batch["size"], **options
  )
  return confusion(batch, predictions, num_classes), predictions


@functools.partial(jax.jit, static_argnames="num_classes")
def confusion(
    batch: types.Batch, predictions: Int[Array, "n h w"], num_classes: int
) -> Int[Array, "k k"]:
  """The confusion matrix of the rows of an evaluation batch that are valid."""
  labels = batch["label"].astype(jnp.int32)
  labels = jnp.where(batch["valid"][:, None, None], labels, types.VOID)
  return metrics.confusion_matrix(labels, predictions, num_classes)


def evaluate(
    model: nn.Module,
    variables: types.Variables,
    batches: Iterable[types.Batch],
    num_classes: int,
    *,
    protocol: protocols.Protocol = protocols.WHOLE,
    preprocess: Callable[[Array], Array] = views.identity,
    postprocess: Callable[[LabelMap], LabelMap] | None = None,
    mesh: jax.sharding.Mesh | None = None,
    show: Callable[[types.Batch, Array], None] | None = None,
) -> Int[np.ndarray, "k k"]:
  """The confusion matrix of a split, rows truth, in int64.

  Args:
    model: gives `logits`.
    variables: its `params` and `batch_stats`.
    batches: of `data.eval_batches`; over several processes, each gives its own
      rows and all get the sum.
    num_classes: k.
    protocol: what the model is shown of an image.
    preprocess: makes the uint8 images what the model expects.
    postprocess: a predicted label map -> the one that is counted, on the host.
    mesh: over which a batch is spread; the default device if None.
    show: called with each batch and the predictions (n, h, w) on the devices.

  Raises:
    ValueError: `postprocess` with several processes.
  """
  if postprocess is not None and jax.process_count() > 1:
    raise ValueError(
        "post-processing on the host needs a single process; there are"
        f" {jax.process_count()}"
    )
  total = np.zeros((num_classes, num_classes), np.int64)
  waiting = None
  where = None if mesh is None else sharding.replicated(mesh)
  variables = jax.device_put(variables, where)
  for batch in batches:
    arrays = {name: batch[name] for name in ("image", "label", "valid", "size")}
    if mesh is not None:
      arrays = sharding.put_batch(arrays, mesh)
    counts, predictions = count(
        model,
        variables,
        arrays,
        num_classes,
        protocol=protocol,
        preprocess=preprocess,
    )
    if postprocess is not None:
      predictions = _processed(batch, predictions, postprocess)
      counts = confusion(arrays, predictions, num_classes)
    # The matrix before is fetched while the device computes this one.
    if waiting is not None:
      total += np.asarray(waiting)
    waiting = counts
    if show is not None:
      show(batch, predictions)
  if waiting is not None:
    total += np.asarray(waiting)
  return total


def _processed(batch, predictions, postprocess):
  """The predictions of the valid rows, processed without what pads them."""
  predictions = np.array(predictions)
  for row in np.flatnonzero(batch["valid"]):
    h, w = batch["size"][row]
    predictions[row, :h, :w] = postprocess(predictions[row, :h, :w])
  return predictions
