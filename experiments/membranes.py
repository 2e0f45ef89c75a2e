r"""Measures a network on neuronal membranes as the challenge ISBI 2012 does.

  python -m experiments.membranes --workdir=DIR [--split=validation --views=7]

Prints the figures and writes them to DIR/membranes.json, with their values by
threshold and by slice, and the protocol. Each slice is predicted whole, or as
--protocol says. The challenge takes the best of nine thresholds on the slices
that it measures, and so do we: on the slices of --split.

U-Net's numbers are of seven rotated views (arXiv:1505.04597, Sec. 4), which it
does not name. Ours are symmetries of the square, which need no interpolation:
--views=7 are the slice turned by 0, 90, 180 and 270 degrees, and its mirror
image by 0, 90 and 180; --views=8 adds the last. Their probabilities are
averaged. The paper's slices are those of the challenge's test, whose labels are
not public: its numbers and ours are of other slices.
"""

import functools
import json
import pathlib

from absl import flags
from jaxtyping import Float, UInt8
import numpy as np

from experiments import build, cache, cli, network, protocols, symmetry
from experiments import trained as trained_lib
from segjax import metrics, types
from segjax.data import transforms
from segjax.training import protocol as protocol_lib
from segjax.training import records, views

FILE = "membranes.json"
CELL, MEMBRANE = "cell", "membrane"

_WORKDIR = flags.DEFINE_string("workdir", None, "of the run", required=True)
_SPLIT = flags.DEFINE_string("split", "", "the config's, if not given")
_VIEWS = flags.DEFINE_integer(
    "views", 1, "turned and mirrored views to average", 1, 8
)
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", "best", '"best" while training, "last", or a step'
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", "", "where the data set is; the config's, if not given"
)


def main() -> None:
  cache.enable()
  trained = network.load(_WORKDIR.value, _CHECKPOINT.value)
  config, names = trained.config, trained.labels.names
  if set(names) != {CELL, MEMBRANE}:
    raise ValueError(
        f"{_WORKDIR.value} tells apart {', '.join(names)}; the challenge is"
        f" about {MEMBRANE} and {CELL}, as in isbi2012"
    )
  config.dataset.data_dir = _DATA_DIR.value or config.dataset.data_dir
  split = _SPLIT.value or config.dataset.eval
  source = build.source(config, split)
  shown = protocols.protocol(config)
  model = protocols.at_output_stride(trained.model, shown.output_stride)
  predict = functools.partial(
      _predict, trained, *network.for_inference(trained, model), shown
  )
  scores = metrics.MembraneScores()
  for i in range(len(source)):
    example = source[i]
    label = example["label"]
    if np.any(label == types.VOID):
      raise ValueError(
          f"slice {example['id']} of {split} has pixels without a label; the"
          " challenge needs all"
      )
    probability = symmetry.average(predict, example["image"], _VIEWS.value)
    scores.add(probability, label == names.index(CELL))
  report = scores.summarize()
  report["protocol"] = {
      "dataset": config.dataset.name,
      "split": split,
      "step": trained.step,
      "views": _VIEWS.value,
      "views_in_words": symmetry.describe(_VIEWS.value),
      **shown.as_dict(),
      **report.pop("membrane_protocol"),
  }
  _print(report)
  path = pathlib.Path(_WORKDIR.value) / FILE
  records.replace_text(path, json.dumps(report, indent=2) + "\n")
  print(f"written to {path}")


def _predict(
    trained: trained_lib.Trained,
    model,
    variables: types.Variables,
    protocol: protocol_lib.Protocol,
    image: UInt8[np.ndarray, "h w 3"],
) -> Float[np.ndarray, "h w"]:
  """The probability of a cell."""
  size = image.shape[:2]
  multiple = trained.config.eval.multiple
  height, width = (-(-n // multiple) * multiple for n in size)
  padded = np.empty((1, height, width, 3), np.uint8)
  padded[:] = transforms.MEAN_COLOUR
  padded[0, : size[0], : size[1]] = image
  found = views.probabilities(
      model,
      variables,
      padded,
      np.int32([size]),
      protocol=protocol,
      preprocess=trained.preprocess,
  )
  cell = trained.labels.names.index(CELL)
  # Rounding may lift a sum of probabilities above 1.
  return np.clip(np.asarray(found)[0, : size[0], : size[1], cell], 0, 1)


def _print(report) -> None:
  protocol = report["protocol"]
  print(
      f"{protocol['dataset']} {protocol['split']}, {report['slices']} slices,"
      f" step {protocol['step']}, views: {protocol['views']}"
  )
  for name, threshold in report["best_thresholds"].items():
    print(f"  {name:18}{report[name]:.6f} at {threshold}")


if __name__ == "__main__":
  cli.run(main)
