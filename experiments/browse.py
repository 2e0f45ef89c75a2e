r"""Draws contact sheets of a data set: images, labels, augmented samples.

  python -m experiments.browse --dataset=camvid --data_dir=DIR --output=DIR
  python -m experiments.browse --config=configs/unet_camvid.py --output=DIR

Each row is an example: its image, the image under the colours of its classes
and, with a config, what the training of this config makes of it. The classes
that occur stand below.
"""

import pathlib

from absl import flags

from experiments import build, cli, contact_sheet, dataset_flags
from experiments import config as config_lib
from segjax import data

_DATASET = dataset_flags.define(required=False)
_CONFIG = flags.DEFINE_string("config", None, "configs/FILE.py[:option,...]")
_OUTPUT = flags.DEFINE_string("output", None, "folder", required=True)
_SPLIT = flags.DEFINE_string("split", "train", "such as validation, train[5:9]")
_LIMIT = flags.DEFINE_integer("limit", 24, "of examples", 1)
_ROWS = flags.DEFINE_integer("rows", 6, "examples on a sheet", 1)
_AUGMENTED = flags.DEFINE_integer("augmented", 3, "samples of an example", 0)
_SEED = flags.DEFINE_integer("seed", 0, "of the samples, with a config", 0)
_HEIGHT = flags.DEFINE_integer("height", 160, "of a picture, in pixels", 16)


def main() -> None:
  if bool(_CONFIG.value) == bool(_DATASET.dataset.value):
    raise ValueError("browse needs a --dataset or a --config, not both.")
  augment = None
  if _CONFIG.value:
    config = config_lib.load(_CONFIG.value)
    if not flags.FLAGS["data_dir"].using_default_value:
      config.dataset.data_dir = _DATASET.data_dir.value
    source = build.source(config, _SPLIT.value)
    labels, augment = build.labels(config), build.augment(config)
  else:
    name, options = _DATASET.dataset.value, _DATASET.options()
    source = data.open(name, _SPLIT.value, _DATASET.data_dir.value, **options)
    labels = data.datasets.labels(name, **options)
  output = pathlib.Path(_OUTPUT.value)
  output.mkdir(parents=True, exist_ok=True)
  count = min(_LIMIT.value, len(source))
  stem = "".join(c if c.isalnum() else "_" for c in _SPLIT.value).strip("_")
  for first in range(0, count, _ROWS.value):
    rows = [
        contact_sheet.row(
            source[i], i, labels, augment, _AUGMENTED.value, _SEED.value
        )
        for i in range(first, min(first + _ROWS.value, count))
    ]
    path = output / f"{stem}_{first:05}.png"
    contact_sheet.sheet(rows, labels, _HEIGHT.value).save(path)
    print(path)


if __name__ == "__main__":
  cli.run(main)
