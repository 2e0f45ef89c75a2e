"""The rows of docs/results.md: what is run, and how it is evaluated."""

from collections.abc import Mapping
import dataclasses
import difflib
import types

from configs import camvid

TABLES: Mapping[str, tuple[str, str]] = types.MappingProxyType(
    {
        "camvid": (
            "CamVid, one recipe for all",
            "367 frames to train on, 101 to validate, 11 classes, no pretraining."
            " Every network sees the same number of crops with the same optimiser"
            " (configs/camvid.py), so that the history of the field stands in one"
            " table measured in one place. The texton forest, which has no"
            " steps, is trained on all frames.",
        ),
        "camvid_own": (
            "CamVid, each with a recipe of its own",
            "The papers' recipes, and ours where there is none. Validation frames"
            " are near duplicates of training frames, so figures of the test split"
            " are lower: the papers state those. FC-DenseNet's is of each frame's own"
            " statistics in BatchNorm (arXiv:1611.09326, Sec. 4.1), so both ways are"
            " measured.",
        ),
        "isbi2012": (
            "ISBI 2012, membranes of neurons",
            "Slices 00 to 23 to train on, 24 to 29 to validate; the challenge's own"
            " test labels were never published.",
        ),
        "voc": (
            "PASCAL VOC 2012, fine-tuning",
            "A published network goes on from its own weights on 437 images with"
            " cats, cows, dogs, horses or sheep; evaluated on 100 others, over the"
            " background and these five.",
        ),
        "demo": (
            "Synthetic scenes",
            "What `make demo` trains: no photographs, no download.",
        ),
    }
)
"""Key -> the title and the introduction of its section, in their order."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """One call of a program on a trained network.

  Attributes:
    flags: beside the workdir and the place of the data.
    program: module that is run.
    file: in the workdir that it writes.
    workdir: with {runs} for the folder of all runs.
  """

  flags: tuple[str, ...] = ("--boundary",)
  program: str = "experiments.evaluate"
  file: str = "evaluation.json"
  workdir: str = "{runs}/{row}"


@dataclasses.dataclass(frozen=True)
class Row:
  """One line of a table.

  Attributes:
    name: of the row's file, results/NAME.json.
    table: a key of `TABLES`.
    network: what a reader calls it.
    config: "configs/FILE.py:options".
    size: what is smaller than in the full row; "full" for nothing.
    options: further flags of `experiments.train`.
    paper: its number, split and place.
    seed: of the run.
    before: commands in front of the training, as arguments of python -m.
    evaluations: protocol in words -> the call.
    program: what makes the row by itself, in the place of `train`.
  """

  name: str
  table: str
  network: str
  config: str = ""
  size: str = "full"
  options: tuple[str, ...] = ()
  paper: str = ""
  seed: int = 0
  before: tuple[tuple[str, ...], ...] = ()
  evaluations: Mapping[str, Evaluation] = dataclasses.field(
      default_factory=lambda: {"validation": Evaluation()}
  )
  program: str = ""


NETWORKS = {
    "patch_cnn": "Patch classification",
    "fcn8s": "FCN-8s",
    "unet": "U-Net",
    "segnet_basic": "SegNet-Basic",
    "segnet": "SegNet",
    "fc_densenet56": "FC-DenseNet56",
    "fc_densenet67": "FC-DenseNet67",
    "fc_densenet103": "FC-DenseNet103",
    "frrn_a": "FRRN-A",
    "pspnet_r50": "PSPNet R-50",
    "deeplab_v3plus_r18": "DeepLabv3+ R-18",
    "deeplab_v3plus_r50": "DeepLabv3+ R-50",
    "bisenet_r18": "BiSeNet R-18",
}
"""Names of configs/camvid.py -> those of the papers."""

_QUARTER = (
    "quarter of the channels, third of the resolution, 1500 steps of 4 frames"
)

_FOREST = Row(
    "camvid_texton_forest",
    "camvid",
    "Semantic texton forest",
    program="experiments.texton_forest",
)


_SEEDED = "bisenet_r18"
"""The network that shows how far seeds are apart."""


def _camvid():
  for network in camvid.NETWORKS:
    for cpu in (True, False):
      for seed in (0, 1, 2) if cpu and network == _SEEDED else (0,):
        yield Row(
            f"camvid_{network}{'_cpu' * cpu}{f'_seed{seed}' * bool(seed)}",
            "camvid",
            NETWORKS[network],
            f"configs/camvid.py:network={network}{',cpu' * cpu}",
            _QUARTER if cpu else "full",
            seed=seed,
        )


_BOTH_WAYS = types.MappingProxyType(
    {
        "validation, each frame's own statistics": Evaluation(),
        "validation, running statistics": Evaluation(
            ("--boundary", "--nobatch_statistics")
        ),
    }
)

_FC_DENSENET = {
    56: "58.9 % mIoU and 88.9 % of the pixels on test (Table 3)",
    67: "65.8 % mIoU and 90.8 % of the pixels on test (Table 3)",
    103: "66.9 % mIoU and 91.5 % of the pixels on test (Table 3)",
}


def _fc_densenet():
  for depth, paper in _FC_DENSENET.items():
    name, config = f"fc_densenet{depth}", "configs/fc_densenet_camvid.py"
    common = dict(table="camvid_own", paper=paper, evaluations=_BOTH_WAYS)
    yield Row(
        f"{name}_camvid",
        network=f"FC-DenseNet{depth}",
        config=f"{config}:depth={depth}",
        **common,
    )
    yield Row(
        f"{name}_camvid_finetuned",
        network=f"FC-DenseNet{depth}, fine-tuned",
        config=f"{config}:depth={depth},finetune",
        options=(f"--config.pretrained.run={{runs}}/{name}_camvid",),
        **common,
    )


_CHECKPOINTS = "../shared/data/checkpoints"
_TFLITE = "deeplabv3_257_mv_gpu"
_MOBILENET = (
    f"--config.pretrained.file={_CHECKPOINTS}/deeplabv3_mnv2_pascal_quant.npz",
)
_ANIMALS = (
    "--protocol=tflite 257",
    "--classes=background,cat,cow,dog,horse,sheep",
    "--boundary",
)

_MEMBRANES = {
    "validation": Evaluation(),
    "validation, the challenge's errors": Evaluation(
        ("--views=7",), "experiments.membranes", "membranes.json"
    ),
}

ROWS: tuple[Row, ...] = (
    _FOREST,
    *_camvid(),
    *_fc_densenet(),
    Row(
        "fc_densenet56_camvid_cpu",
        "camvid_own",
        "FC-DenseNet56",
        "configs/fc_densenet_camvid.py:depth=56,cpu",
        "half resolution, 12 of 750 epochs, crops of 112x112",
        evaluations=_BOTH_WAYS,
    ),
    Row(
        "segnet_basic_camvid",
        "camvid_own",
        "SegNet-Basic",
        "configs/segnet_basic_camvid.py",
        paper="47.7 % mIoU and 82.7 % of the pixels on test (Table 1)",
    ),
    Row(
        "mobilenet_camvid_cpu",
        "camvid_own",
        "DeepLabv3+ MobileNetV2, from VOC",
        "configs/mobilenet_camvid.py:cpu",
        "900 steps of 4 crops of 192x256",
        options=_MOBILENET,
    ),
    Row(
        "mobilenet_camvid",
        "camvid_own",
        "DeepLabv3+ MobileNetV2, from VOC",
        "configs/mobilenet_camvid.py",
        options=_MOBILENET,
    ),
    Row(
        "unet_isbi2012_cpu",
        "isbi2012",
        "U-Net",
        "configs/unet_isbi2012.py:cpu",
        "quarter of the channels, 400 steps of 256x256 pixels",
        evaluations=_MEMBRANES,
    ),
    Row(
        "unet_isbi2012",
        "isbi2012",
        "U-Net",
        "configs/unet_isbi2012.py",
        paper="warping error 0.000353, Rand error 0.0382, pixel error 0.0611"
        " on test (Table 1)",
        evaluations=_MEMBRANES,
    ),
    Row(
        "mobilenet_voc_cpu",
        "voc",
        "DeepLabv3 MobileNetV2 x0.5",
        "configs/mobilenet_voc.py:cpu",
        "80 steps of 8 crops, 437 images",
        before=(
            (
                "experiments.convert",
                f"--source=tflite/{_TFLITE}",
                f"--checkpoint={_CHECKPOINTS}/{_TFLITE}.npz",
                "--output={runs}/{row}_before",
            ),
        ),
        options=(f"--config.pretrained.file={_CHECKPOINTS}/{_TFLITE}.npz",),
        evaluations={
            "before": Evaluation(
                (*_ANIMALS, "--split=validation"), workdir="{runs}/{row}_before"
            ),
            "after": Evaluation(_ANIMALS),
        },
    ),
    Row(
        "shapes",
        "demo",
        "Small U-Net",
        "configs/shapes.py",
        evaluations={"test": Evaluation(("--boundary", "--split=test"))},
    ),
)


def find(name: str) -> Row:
  """A row by its name.

  Raises:
    ValueError: there is none; the message names those that are close.
  """
  known = {row.name: row for row in ROWS}
  if name not in known:
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise ValueError(
        f"there is no row {name!r}; {hint}--row=list lists all {len(known)}"
    )
  return known[name]


def command(row: Row) -> str:
  """What a user calls for the row."""
  if row.program:
    return f"python -m {row.program}"
  return f"python -m experiments.reproduce --row={row.name}"


def commands(
    row: Row,
    *,
    runs: str = "runs",
    data_dir: str = "data",
    output: str = "results",
) -> list[list[str]]:
  """What `reproduce` calls in turn: before, training, evaluations."""
  fill = lambda text: text.format(runs=runs, row=row.name)
  python = ["python", "-m"]
  if row.program:
    file = f"--output={output}/{row.name}.json"
    return [[*python, row.program, f"--data_dir={data_dir}", file]]
  calls = [[*python, *map(fill, call)] for call in row.before]
  seed = [f"--config.seed={row.seed}"] if row.seed else []
  calls.append(
      [
          *python,
          "experiments.train",
          f"--config={row.config}",
          f"--workdir={runs}/{row.name}",
          f"--config.dataset.data_dir={data_dir}",
          *seed,
          *map(fill, row.options),
      ]
  )
  for call in row.evaluations.values():
    calls.append(
        [
            *python,
            call.program,
            f"--workdir={fill(call.workdir)}",
            f"--data_dir={data_dir}",
            *call.flags,
        ]
    )
  return calls
