"""Whole images in, one confusion matrix out."""

from collections.abc import Callable, Iterable, Sequence
import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num
import numpy as np

from segjax import metrics, ops, types
from segjax.training import sharding


def identity(image: Array) -> Array:
  """The preprocessing of a model that takes images as they are."""
  return image


@functools.partial(
    jax.jit, static_argnames=("model", "scales", "flip", "preprocess")
)
def probabilities(
    model: nn.Module,
    variables: types.Variables,
    image: Num[Array, "n h w c"],
    *,
    scales: tuple[float, ...] = (1.0,),
    flip: bool = False,
    preprocess: Callable[[Array], Array] = identity,
) -> Float[Array, "n h w k"]:
  """Class probabilities of whole images, averaged over their views.

  Each view is the preprocessed image resized by a scale, and, with `flip`, its
  mirror image as well; its logits are resized to the image before the softmax.
  """
  n, h, w, _ = image.shape
  del n
  image = preprocess(image).astype(jnp.float32)
  views = []
  for scale in scales:
    size = max(1, round(h * scale)), max(1, round(w * scale))
    scaled = image if size == (h, w) else ops.resize_bilinear(image, size)
    for step in (1, -1) if flip else (1,):
      outputs = model.apply(variables, scaled[:, :, ::step], train=False)
      logits = outputs["logits"][:, :, ::step].astype(jnp.float32)
      if size != (h, w):
        logits = ops.resize_bilinear(logits, (h, w))
      views.append(nn.softmax(logits))
  return sum(views) / len(views)


@functools.partial(
    jax.jit,
    static_argnames=("model", "num_classes", "scales", "flip", "preprocess"),
)
def count(
    model: nn.Module,
    variables: types.Variables,
    batch: types.Batch,
    num_classes: int,
    **options,
) -> tuple[Int[Array, "k k"], Int[Array, "n h w"]]:
  """The confusion matrix of an evaluation batch, and the predictions.

  Rows that are not `valid` do not count. `options` as in `probabilities`.
  """
  predictions = jnp.argmax(
      probabilities(model, variables, batch["image"], **options), axis=-1
  )
  labels = batch["label"].astype(jnp.int32)
  labels = jnp.where(batch["valid"][:, None, None], labels, types.VOID)
  return (
      metrics.confusion_matrix(labels, predictions, num_classes),
      predictions,
  )


def evaluate(
    model: nn.Module,
    variables: types.Variables,
    batches: Iterable[types.Batch],
    num_classes: int,
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    preprocess: Callable[[Array], Array] = identity,
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
    scales: of the views that are averaged, as factors of the image size.
    flip: adds the mirror image of each view.
    preprocess: makes the uint8 images what the model expects.
    mesh: over which a batch is spread; the default device if None.
    show: called with each batch and the predictions (n, h, w) on the devices.
  """
  total = np.zeros((num_classes, num_classes), np.int64)
  waiting = None
  where = None if mesh is None else sharding.replicated(mesh)
  variables = jax.device_put(variables, where)
  for batch in batches:
    arrays = {name: batch[name] for name in ("image", "label", "valid")}
    if mesh is not None:
      arrays = sharding.put_batch(arrays, mesh)
    counts, predictions = count(
        model,
        variables,
        arrays,
        num_classes,
        scales=tuple(scales),
        flip=flip,
        preprocess=preprocess,
    )
    # The matrix before is fetched while the device computes this one.
    if waiting is not None:
      total += np.asarray(waiting)
    waiting = counts
    if show is not None:
      show(batch, predictions)
  if waiting is not None:
    total += np.asarray(waiting)
  return total
