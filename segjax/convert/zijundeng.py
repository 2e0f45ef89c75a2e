"""Checkpoints of zijundeng/pytorch-semantic-segmentation (models/gcn.py)."""

from segjax.backbones import resnet
from segjax.convert import engine, torchvision
from segjax.models import gcn

_BLOCK, _OURS = r"layer1\.1\.(\d+)\.", r"backbone/layer1/block\1/"
_TABLE = (
    (r"layer0\.0", "backbone/conv1/conv"),
    (r"layer0\.1", "backbone/conv1/norm"),
    (_BLOCK + r"conv(\d)", _OURS + r"conv\2/conv"),
    (_BLOCK + r"bn(\d)", _OURS + r"conv\2/norm"),
    (_BLOCK + r"downsample\.0", _OURS + "shortcut/project/conv"),
    (_BLOCK + r"downsample\.1", _OURS + "shortcut/project/norm"),
    *torchvision.resnet_rows("", "backbone/"),
    *(
        row
        for n, level in enumerate((5, 4, 3, 2), start=1)
        for row in (
            (rf"gcm{n}\.conv_l(\d)", rf"gcn{level}/left\1"),
            (rf"gcm{n}\.conv_r(\d)", rf"gcn{level}/right\1"),
            (rf"brm{n}\.(conv\d)", rf"refine{level}/\1"),
        )
    ),
    *(
        (rf"brm{n}\.(conv\d)", rf"refine_sum{level}/\1")
        for n, level in enumerate((4, 3, 2, 1, 0), start=5)
    ),
)


def _build(classes):
  backbone = resnet.ResNet(resnet.STAGE_SIZES[152])
  return gcn.GCN(classes, backbone, kernel_size=7, up="bilinear")


SOURCES = {
    "zijundeng/gcn_r152": engine.Source(
        _build, _TABLE, "gcm1.conv_l1.weight", "layer0.0.weight"
    ),
}
