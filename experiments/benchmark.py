r"""What networks cost: parameters, operations, memory and time.

  python -m experiments.benchmark --models=resnet50,mobilenet_v2 --peer=torch
  python -m experiments.benchmark --models=segmentation --peer=torch
  python -m experiments.benchmark --models=configs/unet_camvid.py:cpu \
      --size=360,480 --batch=4 --train --output=benchmarks/unet.json
  python -m experiments.benchmark --models=segmentation --train --peer=torch \
      --dtype=bfloat16 --size=512,1024 --batch=4 \
      --output=benchmarks/train_512x1024_gpu.json
  python -m experiments.benchmark --page=docs/performance.md

A model is a name of `convert.sources()` (what stands behind the slash is enough
where no other source has it), a backbone if it is a classifier's; a name of
`NETWORKS`; or a config. `segmentation` is all of `SEGMENTATION`. Inference is of
the network with BatchNorm folded into convolutions, as in `evaluate`, if it is
not --nofold; the peer's is not folded, if it is not --peer=torch_folded.
Operations and memory are the compiler's own figures for its program, one
multiplication with its addition counted as two. PyTorch runs eagerly and under
torch.compile, if it is not --nopeer_compile, and the faster of the two is what
we are compared with. What fails (out of memory, an operation without a
counterpart) is written down in the place of its times, the run goes on, and its
exit status is 1; that torch.compile fails is written down alone.

Results are written after every network. The files in benchmarks/ have names
like <what>_<size>_<device>.json: inference_512_cpu, train_512x1024_gpu. `--page`
measures nothing; it writes the tables of all files in --results, and beside the
page, with the ending .svg, the ratios of all that have a peer.
"""

from collections.abc import Sequence
import dataclasses
import functools
import json
import os
import pathlib
from typing import Any

from absl import flags
import jax
import jax.numpy as jnp

from experiments import (
    build,
    chart,
    cli,
    machine,
    measure,
    performance,
    recipes,
    subjects,
    timing,
)
from experiments import config as config_lib
from segjax import convert, ops
from segjax.backbones import mobilenet
from segjax.models import deeplab_v3plus

NETWORKS = {
    # DeepLabv3+ of arXiv:1802.02611 on the backbone of arXiv:1801.04381.
    "deeplabv3plus_mobilenet_v2": lambda classes: deeplab_v3plus.DeepLabV3Plus(
        classes, mobilenet.MobileNetV2(16)
    ),
}
"""Networks without a source: name -> function of the number of classes."""

SEGMENTATION = (
    "mmseg/icnet_r50-d8",
    "torchseg/bisenet_r18",
    "torchseg/bisenet_x39",
    "deeplabv3plus_mobilenet_v2",
    "mmseg/deeplabv3plus_r50-d8",
    "mmseg/pspnet_r50-d8",
    "mmseg/ocrnet_hr18",
)
"""The real-time networks, and those that others are compared with."""

_MODELS = flags.DEFINE_multi_string(
    "models",
    [],
    "Sources or configs, with commas between them; repeat the flag for a"
    " config whose options have commas.",
)
_SIZE = flags.DEFINE_list("size", ["512", "512"], "Height, width of an image.")
_BATCH = flags.DEFINE_integer("batch", 1, "Images at once.", lower_bound=1)
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 10, "How often each time is taken.", lower_bound=1
)
_TRAIN = flags.DEFINE_bool("train", False, "Measures a training step as well.")
_FOLD = flags.DEFINE_bool("fold", True, "Folds BatchNorm for inference.")
_PEER = flags.DEFINE_enum(
    "peer",
    None,
    ["torch", "torch_folded"],
    "Runs the same network elsewhere, and with --train the same step.",
)
_PEER_COMPILE = flags.DEFINE_bool(
    "peer_compile", True, "Tries torch.compile for the peer as well."
)
_DTYPE = flags.DEFINE_enum(
    "dtype",
    None,
    ["float32", "bfloat16"],
    "Of activations; float32 or the config's by default. The peer's bfloat16 is"
    " autocast.",
)
_THREADS = flags.DEFINE_integer(
    "threads", 0, "CPU cores for us and the peer; 0 for all.", lower_bound=0
)
_CLASSES = flags.DEFINE_integer(
    "num_classes", 21, "Of segmentation networks from sources.", lower_bound=2
)
_OUTPUT = flags.DEFINE_string("output", None, "The .json file to write.")
_PAGE = flags.DEFINE_string("page", None, "Writes this page of all results.")
_RESULTS = flags.DEFINE_string("results", "benchmarks", "Folder of results.")


def main() -> None:
  """Measures, or writes the page.

  Raises:
    ValueError: a flag that cannot be, an unknown model.
    FileNotFoundError: a config that is not there.
  """
  if _PAGE.value:
    _write_page(pathlib.Path(_PAGE.value), pathlib.Path(_RESULTS.value))
    return
  size = machine.parse_size(_SIZE.value)
  names = split(_MODELS.value)
  if not names:
    raise ValueError("--models is missing; see --help")
  cores = machine.limit_cores(_THREADS.value)
  peer = _peer(cores) if _PEER.value else None
  found = [_cast(subject(name, _CLASSES.value)) for name in names]
  results = machine.about("experiments.benchmark", cores) | {"models": []}
  if results["load_before"] > 0.5:
    print(
        f"note: the machine is busy (load average {results['load_before']:.1f})"
        "; times, PyTorch's above all, mean little until it is idle"
    )
  print(performance.HEADER, flush=True)
  for one in found:
    results["models"].append(_measure(one, size, peer))
    print(performance.row(results["models"][-1]), flush=True)
    if _OUTPUT.value:
      _write(results, pathlib.Path(_OUTPUT.value))
    jax.clear_caches()
  if _OUTPUT.value:
    print(f"wrote {_OUTPUT.value}")
  errors = [e for one in results["models"] for e in performance.errors(one)]
  if errors:
    raise ValueError(f"{len(errors)} failed: {'; '.join(errors)}")


def _measure(one: subjects.Subject, size: tuple[int, int], peer: Any):
  """All figures of a network, or the error that there is in their place."""
  about = {"name": one.name, "size": list(size), "batch": _BATCH.value}
  return about | timing.attempt(
      lambda: measure.measure(
          one,
          size=size,
          batch=_BATCH.value,
          repetitions=_REPETITIONS.value,
          train=_TRAIN.value,
          fold=_FOLD.value,
          peer=peer,
          peer_folded=_PEER.value == "torch_folded",
      )
  )


def _cast(one: subjects.Subject) -> subjects.Subject:
  if _DTYPE.value is None:
    return one
  return dataclasses.replace(one, dtype=jnp.dtype(_DTYPE.value))


def _write(results: dict[str, Any], path: pathlib.Path) -> None:
  """All at once, so that a run that is killed leaves what it had."""
  path.parent.mkdir(parents=True, exist_ok=True)
  partial = path.with_suffix(".partial")
  partial.write_text(json.dumps(results, indent=2) + "\n")
  partial.replace(path)


def _write_page(path: pathlib.Path, folder: pathlib.Path) -> None:
  """The page, and its picture where there is anything to compare."""
  picture = chart.picture(performance.results(folder))
  name = path.with_suffix(".svg")
  path.write_text(performance.page(folder, name.name if picture else None))
  if picture:
    name.write_text(picture)
  print(f"wrote {path}")


def split(values: Sequence[str]) -> list[str]:
  """The names in the values of --models: commas part them, but not options."""
  names = []
  for value in values:
    names += [value] if ":" in value.partition(",")[0] else value.split(",")
  names = [name.strip() for name in names if name.strip()]
  sets = {"segmentation": SEGMENTATION}
  return [name for one in names for name in sets.get(one, (one,))]


def subject(name: str, num_classes: int = 21) -> subjects.Subject:
  """The network of a source, a config or `NETWORKS`, and its training step.

  A source's network trains with SGD on cross-entropy of all its heads
  (`recipes.HEADS`), a backbone on `recipes.features_loss`.

  Raises:
    ValueError: no such source; the message lists them.
    FileNotFoundError: no such config.
  """
  if name.partition(":")[0].endswith(".py"):
    return _from_config(name)
  found = [s for s in convert.sources() if s.partition("/")[2] == name]
  full = found[0] if len(found) == 1 else name
  if len(found) > 1:
    raise ValueError(f"{name!r} may be {' or '.join(found)}; name one of them")
  make = NETWORKS.get(name)
  if make is None:
    make = convert.source(full).build
  model = make(num_classes)
  recipe = recipes.of_outputs(subjects.outputs(model))
  return subjects.Subject(
      full,
      model,
      num_classes,
      recipe.loss_fn(),
      recipe.tx(),
      dict(preprocess=functools.partial(ops.normalize, preset="imagenet")),
      recipe=lambda: recipe,
  )


def _from_config(name: str) -> subjects.Subject:
  config = config_lib.load(name)
  num_classes = len(build.labels(config))
  tx, schedule = build.optimizer(config)
  return subjects.Subject(
      name,
      build.model(config, num_classes),
      num_classes,
      build.loss(config, num_classes),
      tx,
      dict(
          preprocess=build.preprocess(config),
          schedule=schedule,
          remat=config.remat,
          microbatches=config.accumulation_steps,
      ),
      build.dtype(config),
      lambda: recipes.of_config(config),
  )


def _peer(cores: int) -> Any:
  # XLA must not take most of a GPU's memory before PyTorch asks for some.
  os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
  try:
    import torch

    from experiments import torch_backend
  except ModuleNotFoundError as error:
    raise ValueError(
        f"--peer=torch needs PyTorch ({error}): pip install 'segjax[torch]'"
    ) from None
  torch.set_num_threads(cores)
  return torch_backend.Torch(compiled=_PEER_COMPILE.value)


if __name__ == "__main__":
  cli.run(main)
