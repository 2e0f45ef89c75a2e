r"""What networks cost: parameters, operations, memory and time.

  python -m experiments.benchmark --models=resnet50,mobilenet_v2 --peer=torch
  python -m experiments.benchmark --models=segmentation --peer=torch
  python -m experiments.benchmark --models=configs/unet_camvid.py:cpu \
      --size=360,480 --batch=4 --train --output=benchmarks/unet.json
  python -m experiments.benchmark --page=docs/performance.md

A model is a name of `convert.sources()` (what stands behind the slash is enough
where no other source has it), a backbone if it is a classifier's; a name of
`NETWORKS`; or a config. `segmentation` is all of `SEGMENTATION`. Inference is of
the network with BatchNorm folded into convolutions, as in `evaluate`, if it is
not --nofold; the peer's is not folded, if it is not --peer=torch_folded.
Operations and memory are the compiler's own figures for its program, one
multiplication with its addition counted as two. `--page` measures nothing and
writes the tables of all files in --results.
"""

from collections.abc import Sequence
import functools
import json
import pathlib
from typing import Any

from absl import flags
import jax

from experiments import build, cli, machine, measure, performance
from experiments import config as config_lib
from segjax import convert, losses, ops
from segjax.backbones import mobilenet
from segjax.models import deeplab_v3plus
from segjax.training import optimizer

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
    "Runs inference of the same network elsewhere.",
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
    page = performance.page(pathlib.Path(_RESULTS.value))
    pathlib.Path(_PAGE.value).write_text(page)
    print(f"wrote {_PAGE.value}")
    return
  size = machine.parse_size(_SIZE.value)
  names = split(_MODELS.value)
  if not names:
    raise ValueError("--models is missing; see --help")
  subjects = [subject(name, _CLASSES.value) for name in names]
  cores = machine.limit_cores(_THREADS.value)
  peer = _peer(cores) if _PEER.value else None
  results = machine.about("experiments.benchmark", cores) | {"models": []}
  if results["load_before"] > 0.5:
    print(
        f"note: the machine is busy (load average {results['load_before']:.1f})"
        "; times, PyTorch's above all, mean little until it is idle"
    )
  print(performance.HEADER, flush=True)
  for one in subjects:
    found = measure.measure(
        one,
        size=size,
        batch=_BATCH.value,
        repetitions=_REPETITIONS.value,
        train=_TRAIN.value,
        fold=_FOLD.value,
        peer=peer,
        peer_folded=_PEER.value == "torch_folded",
    )
    results["models"].append(found)
    print(performance.row(found), flush=True)
    jax.clear_caches()
  if _OUTPUT.value:
    path = pathlib.Path(_OUTPUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"wrote {path}")


def split(values: Sequence[str]) -> list[str]:
  """The names in the values of --models: commas part them, but not options."""
  names = []
  for value in values:
    names += [value] if ":" in value.partition(",")[0] else value.split(",")
  names = [name.strip() for name in names if name.strip()]
  sets = {"segmentation": SEGMENTATION}
  return [name for one in names for name in sets.get(one, (one,))]


def subject(name: str, num_classes: int = 21) -> measure.Subject:
  """The network of a source, a config or `NETWORKS`, and its training step.

  A source's network trains with SGD on cross-entropy, a backbone on
  `measure.features_loss`.

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
  loss_fn = losses.combine({"logits": (losses.cross_entropy, 1.0)})
  make = NETWORKS.get(name)
  if make is None:
    source = convert.source(full)
    make = source.build
    loss_fn = measure.features_loss if source.classes is None else loss_fn
  return measure.Subject(
      full,
      make(num_classes),
      num_classes,
      loss_fn,
      optimizer.optimizer(name="sgd", learning_rate=0.01, weight_decay=1e-4),
      dict(preprocess=functools.partial(ops.normalize, preset="imagenet")),
  )


def _from_config(name: str) -> measure.Subject:
  config = config_lib.load(name)
  num_classes = len(build.labels(config))
  tx, schedule = build.optimizer(config)
  return measure.Subject(
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
  )


def _peer(cores: int) -> Any:
  try:
    import torch

    from experiments import torch_peer
  except ModuleNotFoundError as error:
    raise ValueError(
        f"--peer=torch needs PyTorch ({error}): pip install 'segjax[torch]'"
    ) from None
  torch.set_num_threads(cores)
  return torch_peer.Peer


if __name__ == "__main__":
  cli.run(main)
