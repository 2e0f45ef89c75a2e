"""Checkpoints of VainF/DeepLabV3Plus-Pytorch, output stride 16.

Layout read in network/_deeplab.py.
"""

from segjax.backbones import resnet
from segjax.convert import engine, torchvision
from segjax.models import deeplab_v3plus

_LOW_LEVEL = 48
_TABLE = (
    *torchvision.resnet_rows(r"backbone\.", "backbone/"),
    *torchvision.aspp_rows(r"classifier\.aspp", "aspp"),
    (r"classifier\.project\.0", "decoder/reduce/conv"),
    (r"classifier\.project\.1", "decoder/reduce/norm"),
    # The low-level features come first there.
    (
        r"classifier\.classifier\.0",
        "decoder/conv1/conv",
        engine.roll_inputs(-_LOW_LEVEL),
    ),
    (r"classifier\.classifier\.1", "decoder/conv1/norm"),
    (r"classifier\.classifier\.3", "classifier"),
)


def _deeplab_v3plus(depth):
  def build(classes):
    return deeplab_v3plus.DeepLabV3Plus(
        classes,
        resnet.ResNet(resnet.STAGE_SIZES[depth], output_stride=16),
        low_level_features=_LOW_LEVEL,
        decoder_convs=1,
        separable=False,
        align_corners=False,
    )

  return engine.Source(
      build, _TABLE, "classifier.classifier.3.weight", "backbone.conv1.weight"
  )


SOURCES = {
    f"vainf/deeplabv3plus_resnet{depth}": _deeplab_v3plus(depth)
    for depth in (50, 101)
}
