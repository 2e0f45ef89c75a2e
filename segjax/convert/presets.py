"""What the published networks were trained to see, in the house's words."""

import dataclasses

_IMAGENET = ("encoding", "mmseg", "semseg", "torchseg", "torchvision", "vainf")
_CAFFE = ("kazuto1011", "sadeepj", "wkentaro")
_UNIT = ("tensorflow", "tflite")

FAMILIES = {
    family: name
    for name, families in (
        ("imagenet", _IMAGENET),
        ("caffe", _CAFFE),
        ("unit", _UNIT),
    )
    for family in families
}
"""What stands before the slash in a source's name -> a preset of `ops`."""


@dataclasses.dataclass(frozen=True)
class Preset:
  """How an image becomes a network's input, and what its classes are.

  Attributes:
    preprocess: name in `ops.PRESETS`; "" where nobody has written it down.
    protocol: name in `training.protocol.PRESETS`; "" for any size.
    dataset: whose classes they are, as `experiments.prepare` names it; "" where
      nobody has written it down.
  """

  preprocess: str = ""
  protocol: str = ""
  dataset: str = ""


PRESETS = {
    "tflite/deeplabv3_257_mv_gpu": Preset("unit", "tflite 257", "voc2012"),
    "tflite/deeplabv3_mnv2_pascal_quant": Preset(
        "unit", "tflite 513", "voc2012"
    ),
}
"""Sources of which more is known than their family's preprocessing."""


def preset(source: str) -> Preset:
  """What is known about a source."""
  known = FAMILIES.get(source.partition("/")[0], "")
  return PRESETS.get(source, Preset(known))
