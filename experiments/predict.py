r"""Draws what a trained network sees in images.

  python -m experiments.predict --workdir=DIR --output=DIR IMAGE...

An IMAGE is a file or a folder. Each gives NAME_overlay.png, the image under
the colours of its classes with a legend, and NAME_mask.png, a palette picture
of train ids, both upright by the image's EXIF tag, as a viewer shows it. A
damaged image ends the call; what was drawn before it stays.
`--split=validation` takes images of the data set instead, and puts the truth
beside the prediction. `--submission=cityscapes` or `voc` writes the files that
the benchmark's server takes, of all images, and no overlays. Images are shown
to the network as in the evaluation during training, if --protocol or single
flags do not say otherwise. --workdir may be the output of `experiments.convert`.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import pathlib
from typing import Any

from absl import flags
from jaxtyping import UInt8
import numpy as np

from experiments import (
    build,
    cache,
    cli,
    images,
    network,
    protocols,
    submission,
)
from experiments import trained as trained_lib
from segjax.data import transforms
from segjax.training import protocol as protocol_lib
from segjax.training import views

_WORKDIR = flags.DEFINE_string("workdir", None, "of the run", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "folder for the pictures", required=True
)
_SPLIT = flags.DEFINE_string("split", "", "predict images of this split")
_LIMIT = flags.DEFINE_integer("limit", 8, "of images of the split", 1)
_SUBMISSION = flags.DEFINE_enum(
    "submission", None, sorted(submission.WRITERS), "form of the masks"
)
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", "best", '"best" while training, "last", or a step'
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", "", "where the data set is; the config's, if not given"
)


def main(argv: Sequence[str]) -> None:
  if bool(argv[1:]) == bool(_SPLIT.value):
    raise ValueError(
        "predict needs image files or folders, or --split=validation, not both"
    )
  paths = images.find(argv[1:])
  cache.enable()
  trained = network.load(_WORKDIR.value, _CHECKPOINT.value)
  output = pathlib.Path(_OUTPUT.value)
  if output.exists() and not output.is_dir():
    raise NotADirectoryError(f"--output={output} is no folder")
  examples = _split(trained) if _SPLIT.value else _files(paths)
  shown = protocols.protocol(trained.config)
  model = protocols.at_output_stride(trained.model, shown.output_stride)
  model, variables = network.for_inference(trained, model)
  trained = dataclasses.replace(trained, model=model, variables=variables)
  postprocess = protocols.postprocess()
  for example in examples:
    image, name = example["image"], example["id"]
    label = predict(trained, image, shown)
    if postprocess:
      label = postprocess(label)
    if _SUBMISSION.value:
      submission.WRITERS[_SUBMISSION.value](output, name, label)
    else:
      print(_draw(trained, example, label, output))


def predict(
    trained: trained_lib.Trained,
    image: UInt8[np.ndarray, "h w 3"],
    protocol: protocol_lib.Protocol,
) -> UInt8[np.ndarray, "h w"]:
  """The class of every pixel, from the view of it that a protocol gives."""
  height, width = image.shape[:2]
  multiple = trained.config.eval.multiple
  padded = np.empty(
      (-(-height // multiple) * multiple, -(-width // multiple) * multiple, 3),
      np.uint8,
  )
  padded[:] = transforms.MEAN_COLOUR
  padded[:height, :width] = image
  label = views.classes(
      trained.model,
      trained.variables,
      padded[None],
      np.int32([[height, width]]),
      protocol=protocol,
      preprocess=trained.preprocess,
  )
  return np.asarray(label, np.uint8)[0, :height, :width]


def _draw(
    trained: trained_lib.Trained,
    example: dict[str, Any],
    label: UInt8[np.ndarray, "h w"],
    output: pathlib.Path,
) -> pathlib.Path:
  """Writes the overlay and the mask; gives the path of the overlay."""
  image, name = example["image"], example["id"]
  panels = [image, images.overlay(image, label, trained.labels)]
  if "label" in example:
    panels.append(images.overlay(image, example["label"], trained.labels))
  picture = output / f"{name}_overlay.png"
  images.save(images.with_legend(panels, label, trained.labels), picture)
  images.save(images.mask(label, trained.labels), output / f"{name}_mask.png")
  return picture


def _files(paths: list[pathlib.Path]) -> Iterator[dict[str, Any]]:
  for path, name in zip(paths, images.names(paths)):
    yield {"image": images.read(path), "id": name}


def _split(trained: trained_lib.Trained) -> Iterator[dict[str, Any]]:
  config = trained.config
  config.dataset.data_dir = _DATA_DIR.value or config.dataset.data_dir
  source = build.source(config, _SPLIT.value)
  limit = len(source) if _SUBMISSION.value else _LIMIT.value
  for i in range(min(limit, len(source))):
    example = source[i]
    yield example | {"id": images.fitting(example["id"].replace("/", "_"))}


if __name__ == "__main__":
  cli.run(main, arguments=True)
