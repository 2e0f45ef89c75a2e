r"""Draws what a trained network sees in images.

  python -m experiments.predict --workdir=DIR --output=DIR IMAGE...

An IMAGE is a file or a folder. Each gives NAME_overlay.png, the image under
the colours of its classes with a legend, and NAME_mask.png, a palette picture
of train ids. `--split=validation` takes images of the data set instead, and
puts the truth beside the prediction.
"""

from collections.abc import Iterator, Sequence
import functools
import pathlib
from typing import Any

from absl import flags
import jax
import jax.numpy as jnp
from jaxtyping import UInt8
import numpy as np

from experiments import build, cache, cli, images
from experiments import trained as trained_lib
from segjax.data import transforms
from segjax.training import evaluate

_WORKDIR = flags.DEFINE_string("workdir", None, "of the run", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "folder for the pictures", required=True
)
_SPLIT = flags.DEFINE_string("split", "", "predict images of this split")
_LIMIT = flags.DEFINE_integer("limit", 8, "of images of the split", 1)
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
  trained = trained_lib.load(_WORKDIR.value, _CHECKPOINT.value)
  output = pathlib.Path(_OUTPUT.value)
  output.mkdir(parents=True, exist_ok=True)
  examples = _split(trained) if _SPLIT.value else _files(paths)
  for example in examples:
    image, name = example["image"], example["id"]
    label = predict(trained, image)
    shown = [image, images.overlay(image, label, trained.labels)]
    if "label" in example:
      shown.append(images.overlay(image, example["label"], trained.labels))
    picture = output / f"{name}_overlay.png"
    images.with_legend(shown, label, trained.labels).save(picture)
    images.mask(label, trained.labels).save(output / f"{name}_mask.png")
    print(picture)


def predict(
    trained: trained_lib.Trained, image: UInt8[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "h w"]:
  """The class of every pixel, by the protocol of the run's own evaluation."""
  height, width = image.shape[:2]
  multiple = trained.config.eval.multiple
  padded = np.empty(
      (-(-height // multiple) * multiple, -(-width // multiple) * multiple, 3),
      np.uint8,
  )
  padded[:] = transforms.MEAN_COLOUR
  padded[:height, :width] = image
  label = _classes(
      trained.variables,
      padded[None],
      model=trained.model,
      scales=tuple(trained.config.eval.scales),
      flip=trained.config.eval.flip,
      preprocess=trained.preprocess,
  )
  return np.asarray(label)[0, :height, :width]


@functools.partial(
    jax.jit, static_argnames=("model", "scales", "flip", "preprocess")
)
def _classes(variables, image, *, model, **options):
  mixed = evaluate.probabilities(model, variables, image, **options)
  return jnp.argmax(mixed, -1).astype(jnp.uint8)


def _files(paths: list[pathlib.Path]) -> Iterator[dict[str, Any]]:
  for path, name in zip(paths, images.names(paths)):
    yield {"image": images.read(path), "id": name}


def _split(trained: trained_lib.Trained) -> Iterator[dict[str, Any]]:
  config = trained.config
  config.dataset.data_dir = _DATA_DIR.value or config.dataset.data_dir
  source = build.source(config, _SPLIT.value)
  for i in range(min(_LIMIT.value, len(source))):
    yield source[i] | {"id": source[i]["id"].replace("/", "_")}


if __name__ == "__main__":
  cli.run(main)
