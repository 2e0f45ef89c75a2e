"""The evaluation during training, with pictures for TensorBoard."""

from collections.abc import Iterator

from flax import linen as nn
import jax
import ml_collections

from experiments import build
from segjax import data, metrics, types
from segjax.training import (
    distributed,
    hooks,
    loop,
    pictures,
    protocol,
    signals,
    writers,
)
from segjax.training import evaluate as evaluate_lib
from segjax.training import state as state_lib


def evaluate(
    config: ml_collections.ConfigDict,
    model: nn.Module,
    label_set: data.LabelSet,
    mesh: jax.sharding.Mesh,
    board: writers.TensorBoard | None,
    stop: signals.Stop,
    state: state_lib.TrainState,
) -> hooks.Values:
  """The figures of the evaluation split; pictures go to `board`, if any.

  Raises:
    loop.Stopped: a signal came in between; the state was saved before.
  """
  shown = []

  def show(batch: types.Batch, predictions: jax.Array) -> None:
    if len(shown) < config.eval.pictures:
      predictions = distributed.local_rows(predictions, len(batch["image"]))
      rows = zip(batch["image"], batch["label"], predictions)
      for row, (h, w), valid in zip(rows, batch["size"], batch["valid"]):
        if valid:
          shown.append([array[:h, :w] for array in row])

  counts = evaluate_lib.evaluate(
      model,
      state.variables,
      _until(stop, state, build.eval_batches(config)),
      len(label_set),
      protocol=protocol.Protocol(
          scales=tuple(config.eval.scales), flip=config.eval.flip
      ),
      preprocess=build.preprocess(config),
      mesh=mesh,
      show=show if board else None,
  )
  for i, row in enumerate(shown[: config.eval.pictures]):
    picture = pictures.side_by_side(*row, label_set.colours())
    board.picture(int(state.step), f"predictions/{i}", picture)
  figures = metrics.summarize(counts, label_set.names)
  per_class = figures.pop("iou")
  return figures | {f"iou/{name}": iou for name, iou in per_class.items()}


def _until(
    stop: signals.Stop,
    state: state_lib.TrainState,
    batches: Iterator[types.Batch],
) -> Iterator[types.Batch]:
  """The batches, unless a signal comes in between (on one host)."""
  for batch in batches:
    if jax.process_count() == 1 and stop(int(state.step)):
      raise loop.Stopped
    yield batch
