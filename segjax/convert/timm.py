"""Checkpoints of huggingface/pytorch-image-models.

Layout read in timm/models/resnet.py.
"""

from segjax.backbones import resnet
from segjax.convert import engine, torchvision

_BLOCK = r"layer(\d)\.(\d+)\."
_STEM = (
    (r"conv1\.0", "conv1_1/conv"),
    (r"conv1\.1", "conv1_1/norm"),
    (r"conv1\.3", "conv1_2/conv"),
    (r"conv1\.4", "conv1_2/norm"),
    (r"conv1\.6", "conv1_3/conv"),
    ("bn1", "conv1_3/norm"),
    ("fc", None),
)
_C = (*_STEM, *torchvision.resnet_rows())
_D = (
    *_STEM,
    # The pool of ResNet-D's shortcut is layer 0.
    (_BLOCK + r"downsample\.1", r"layer\1/block\2/shortcut/project/conv"),
    (_BLOCK + r"downsample\.2", r"layer\1/block\2/shortcut/project/norm"),
    *torchvision.resnet_rows(),
)


def _resnet(depth, table, **options):
  model = resnet.ResNet(
      resnet.STAGE_SIZES[depth], deep_stem=(32, 32, 64), **options
  )
  return engine.Source(lambda classes: model, table, None, "conv1.0.weight")


SOURCES = {
    "timm/resnet50c": _resnet(50, _C),
    "timm/resnet101c": _resnet(101, _C),
    "timm/resnet50d": _resnet(50, _D, avg_down=True),
    "timm/resnet101d": _resnet(101, _D, avg_down=True),
}
