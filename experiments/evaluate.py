r"""Evaluates a trained network on a split of its data set.

  python -m experiments.evaluate --workdir=DIR [--split=test] \
      [--protocol="pspnet slide" --scales=0.75,1,1.25 --flip --crf --boundary]
  python -m experiments.evaluate --workdir=CONVERTED --dataset=voc2012 \
      --data_dir=DIR [--preprocess=imagenet --classes=cat,dog]

Prints the figures and writes them to DIR/evaluation.json, with the confusion
matrix and the protocol. Every image counts once, at the size of its own label
map; pixels without a label do not count. Without --protocol and single flags,
images are shown as in the evaluation during training. DIR may be the output of
`experiments.convert`; --dataset and --preprocess say what the house does not
know about its source.
"""

import json
import pathlib

from absl import flags
import jax

from experiments import build, cache, cli, network, protocols
from experiments import trained as trained_lib
from segjax import metrics
from segjax.training import evaluate, records, sharding

FILE = "evaluation.json"

_WORKDIR = flags.DEFINE_string("workdir", None, "of the run", required=True)
_SPLIT = flags.DEFINE_string("split", "", "the config's, if not given")
_CLASSES = flags.DEFINE_list(
    "classes", [], "that the means are over; all, if not given"
)
_BOUNDARY = flags.DEFINE_bool(
    "boundary", False, "measure the quality of boundaries too"
)
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", "best", '"best" while training, "last", or a step'
)
_BATCH_STATISTICS = flags.DEFINE_bool(
    "batch_statistics",
    None,
    "BatchNorm takes each image's own statistics, or (--no) the running ones;"
    " as in the config, if not given",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", "", "where the data set is; the config's, if not given"
)


def main() -> None:
  cache.enable()
  trained = network.load(_WORKDIR.value, _CHECKPOINT.value)
  if _BATCH_STATISTICS.value is not None:
    trained = trained_lib.with_statistics(trained, _BATCH_STATISTICS.value)
  config, labels = trained.config, trained.labels
  config.dataset.data_dir = _DATA_DIR.value or config.dataset.data_dir
  split = _SPLIT.value or config.dataset.eval
  shown = protocols.protocol(config)
  metrics.check_names(_CLASSES.value, labels.names)
  protocol = {
      "dataset": config.dataset.name,
      "split": split,
      "images": len(build.source(config, split)),
      "step": trained.step,
      **shown.as_dict(),
      "batch_statistics": bool(config.norm.get("batch_statistics", False)),
      "postprocessing": protocols.postprocessing(),
      "padded_to_multiples_of": config.eval.multiple,
      "counted_at": "size of the label map",
      "void": "ignored",
      "means_over": _CLASSES.value or "all classes",
  }
  boundary = metrics.BoundaryScores(labels.names) if _BOUNDARY.value else None
  model, variables = network.for_inference(
      trained, protocols.at_output_stride(trained.model, shown.output_stride)
  )
  counts = evaluate.evaluate(
      model,
      variables,
      build.eval_batches(config, split),
      len(labels),
      protocol=shown,
      preprocess=trained.preprocess,
      postprocess=protocols.postprocess(),
      mesh=sharding.make_mesh(**config.mesh.to_dict()),
      show=boundary.add_batch if boundary else None,
  )
  summary = metrics.summarize(counts, labels.names, _CLASSES.value)
  report = {
      **summary,
      **(boundary.summarize() if boundary else {}),
      "confusion_matrix": counts.tolist(),
      "protocol": protocol,
  }
  if jax.process_index() == 0:
    path = pathlib.Path(_WORKDIR.value) / FILE
    _print(summary, protocol)
    records.replace_text(path, json.dumps(report, indent=2) + "\n")
    print(f"written to {path}")


def _print(summary, protocol) -> None:
  show = lambda value: "    -" if value is None else f"{100 * value:5.1f}"
  width = max(map(len, summary["iou"]))
  for name, value in summary["iou"].items():
    print(f"  {name:{width}}  {show(value)}")
  if _CLASSES.value:
    print(f"means over {', '.join(_CLASSES.value)}:")
  print(
      f"{protocol['dataset']} {protocol['split']}, {protocol['images']} images,"
      f" step {protocol['step']}: mIoU {show(summary['miou']).strip()} %, pixel"
      f" accuracy {show(summary['pixel_accuracy']).strip()} %, class accuracy"
      f" {show(summary['class_accuracy']).strip()} %"
  )


if __name__ == "__main__":
  cli.run(main)
