"""Checkpoints of hszhao/semseg, by PSPNet's first author.

Layout read in model/pspnet.py and model/resnet.py.
"""

from segjax.backbones import resnet
from segjax.convert import engine, torchvision
from segjax.models import pspnet

_TABLE = (
    (r"layer0\.0", "backbone/conv1_1/conv"),
    (r"layer0\.1", "backbone/conv1_1/norm"),
    (r"layer0\.3", "backbone/conv1_2/conv"),
    (r"layer0\.4", "backbone/conv1_2/norm"),
    (r"layer0\.6", "backbone/conv1_3/conv"),
    (r"layer0\.7", "backbone/conv1_3/norm"),
    *torchvision.resnet_rows("", "backbone/"),
    *(
        row
        for i in range(4)
        for row in (
            (rf"ppm\.features\.{i}\.1", f"pyramid/level{i + 1}/conv"),
            (rf"ppm\.features\.{i}\.2", f"pyramid/level{i + 1}/norm"),
        )
    ),
    *torchvision.head_rows("cls", "head"),
    *torchvision.head_rows("aux", "aux"),
)


def _pspnet(depth):
  def build(classes):
    backbone = resnet.ResNet(
        resnet.STAGE_SIZES[depth],
        output_stride=8,
        deep_stem=(64, 64, 128),
        contract_dilation=False,
    )
    return pspnet.PSPNet(classes, backbone)

  return engine.Source(build, _TABLE, "cls.4.weight", "layer0.0.weight")


SOURCES = {f"semseg/pspnet{depth}": _pspnet(depth) for depth in (50, 101)}
