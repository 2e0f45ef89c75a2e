r"""Trains and evaluates a semantic texton forest (Shotton et al. 2008, CVPR).

  pip install 'segjax[forest]'
  python -m experiments.texton_forest

Semantic segmentation as it was before convolutional networks: trees on pixels
and differences of pixels name what is near a pixel, and a second forest reads
their words in rectangles around it. Prints the figures on the validation split
and writes them to --output; `texton_training` says what is not the paper's.
The run is a function of the flags and takes a few minutes on one core.
"""

import dataclasses
import pathlib

from absl import flags

from experiments import cli, dataset_flags, machine, texton_model, texton_run

_DATASET = dataset_flags.define(required=False)
_OUTPUT = flags.DEFINE_string(
    "output", "results/camvid_texton_forest.json", "The .json file to write."
)
_SPLIT = flags.DEFINE_string("split", "validation", "that is evaluated")
_LIMIT = flags.DEFINE_integer("limit", None, "of images of each split", 1)
_SETTINGS = {
    "patch": "side of the textons' patch in pixels, odd",
    "stride": "of the pixels that are looked at",
    "samples": "pixels of each image to learn from",
    "pixel_tests": "that the textons' trees choose from",
    "texton_trees": "trees of the first forest",
    "texton_depth": "of its trees",
    "regions": "rectangles that the second forest's trees choose from",
    "reach": "of the rectangles around a pixel, in pixels",
    "trees": "of the second forest",
    "depth": "of its trees",
    "candidates": "tests tried at a node",
    "smallest": "pixels in a leaf, at least",
    "softening": "exponent of the image-level prior and of frequencies",
    "seed": "of all that is drawn",
}
for _field in dataclasses.fields(texton_model.Settings):
  _define = {int: flags.DEFINE_integer, float: flags.DEFINE_float}[_field.type]
  _define(_field.name, _field.default, _SETTINGS[_field.name])


def main() -> None:
  """Trains, evaluates, prints and writes.

  Raises:
    ValueError: a flag that cannot be, or scikit-learn is not installed.
    FileNotFoundError: the data set is not prepared.
  """
  settings = texton_model.Settings(
      **{name: flags.FLAGS[name].value for name in _SETTINGS}
  )
  dataset = _DATASET.dataset.value or "camvid"
  found = texton_run.run(
      dataset,
      _DATASET.data_dir.value,
      settings,
      split=_SPLIT.value,
      limit=_LIMIT.value,
      options=_DATASET.options(),
      progress=lambda text: print(text, flush=True),
  )
  for name, report in found["evaluations"].items():
    print(
        f"{name}: mIoU {100 * report['miou']:.1f} %, pixel accuracy"
        f" {100 * report['pixel_accuracy']:.1f} %, class accuracy"
        f" {100 * report['class_accuracy']:.1f} %, boundary F1"
        f" {100 * report['boundary_f1']:.1f} %"
    )
  row = pathlib.Path(_OUTPUT.value).stem
  places = ("--output", "--data_dir")  # Which are another machine's business.
  words = found["command"].split()
  found["command"] = " ".join(w for w in words if not w.startswith(places))
  head = {"row": row, "table": dataset, "commands": [found["command"]]}
  machine.write(head | found, _OUTPUT.value)


if __name__ == "__main__":
  cli.run(main)
