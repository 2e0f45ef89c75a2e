"""Checkpoints of kazuto1011/deeplab-pytorch, converted from Caffe.

Layout read in libs/models/resnet.py, deeplabv2.py and msc.py. The networks see
BGR images of 0 to 255 minus their mean: `ops.normalize(image, "caffe")`.
"""

from segjax.backbones import resnet
from segjax.convert import engine
from segjax.models import deeplab_v2

_BASE = r"(?:base|scale)\."


def _table(sizes):
  rows = [
      (_BASE + r"layer1\.conv1\.conv", "backbone/conv1/conv"),
      (_BASE + r"layer1\.conv1\.bn", "backbone/conv1/norm"),
      *(
          (rf"{_BASE}aspp\.c{i}", f"aspp/fc8_{i + 1}")
          for i in range(len(deeplab_v2.ASPP_L))
      ),
  ]
  parts = {
      "reduce": "conv1",
      "conv3x3": "conv2",
      "increase": "conv3",
      "shortcut": "shortcut/project",
  }
  for i, size in enumerate(sizes, start=1):
    for j in range(size):
      for old, new in parts.items():
        # Layers and blocks are counted from 1, the stem is the first layer.
        name = rf"{_BASE}layer{i + 1}\.block{j + 1}\.{old}\."
        path = f"backbone/layer{i}/block{j}/{new}/"
        rows += [(name + "conv", path + "conv"), (name + "bn", path + "norm")]
  return rows


def _deeplab_v2(classes):
  backbone = resnet.ResNet(
      resnet.STAGE_SIZES[101],
      output_stride=8,
      stride_first=True,
      ceil_mode=True,
      contract_dilation=False,
  )
  return deeplab_v2.DeepLabV2(classes, backbone, align_corners=False)


SOURCES = {
    "kazuto1011/deeplab_v2_r101_msc": engine.Source(
        _deeplab_v2,
        _table(resnet.STAGE_SIZES[101]),
        "base.aspp.c0.weight",
        "base.layer1.conv1.conv.weight",
    )
}
