"""Checkpoints of LikeLy-Journey/SegmenTron: DeepLabv3+ on Xception-65.

Layout read in segmentron/models/deeplabv3_plus.py and backbones/xception.py;
the weights of the backbone were converted from the authors' TensorFlow code.
"""

from segjax.backbones import xception
from segjax.convert import engine
from segjax.models import deeplab_v3plus

FEATURES = 256
"""Channels of ASPP and of the decoder."""


def _conv(old, new):
  """A convolution with its norm beside it."""
  return ((old + r"\.conv", new + "/conv"), (old + r"\.bn", new + "/norm"))


def _separable(old, new):
  old += r"\.block\."
  return (
      (old + "depthwise", new + "/depthwise/conv"),
      (old + "bn_depth", new + "/depthwise/norm"),
      (old + "pointwise", new + "/pointwise/conv"),
      (old + "bn_point", new + "/pointwise/norm"),
  )


def _table(depth):
  entry, middle = xception.SIZES[depth]
  names = [f"entry{i + 1}" for i in range(len(entry))]
  names += [f"middle{i + 1}" for i in range(middle)] + ["exit1", "exit2"]
  rows = [
      (r"encoder\.conv(\d)", r"backbone/conv\1/conv"),
      (r"encoder\.bn(\d)", r"backbone/conv\1/norm"),
      # A classifier that the segmentation networks may keep.
      (r"encoder\.fc", None),
      (r"auxlayer\..*", None),
  ]
  for i, name in enumerate(names, start=1):
    old, new = rf"encoder\.block{i}", f"backbone/{name}"
    rows += _conv(old, new + "/shortcut")
    rows += _separable(old + r"\.sep_conv(\d)", new + r"/conv\1")
  rows += _conv(r"head\.aspp\.aspp0", "aspp/conv1x1")
  rows += _conv(r"head\.aspp\.image_pooling", "aspp/image_pool")
  rows += _separable(r"head\.aspp\.aspp(\d)", r"aspp/atrous\1")
  rows += [
      # The image-level branch comes first there.
      (
          r"head\.aspp\.conv",
          "aspp/project/conv",
          engine.roll_inputs(-FEATURES),
      ),
      (r"head\.aspp\.bn", "aspp/project/norm"),
      *_conv(r"head\.c1_block", "decoder/reduce"),
      *_separable(r"head\.block\.0", "decoder/conv1"),
      *_separable(r"head\.block\.1", "decoder/conv2"),
      (r"head\.block\.2", "classifier"),
  ]
  return rows


def deeplab_v3plus_xception(depth: int, classes: int):
  """DeepLabv3+ as the authors' code has it, at output stride 16."""
  backbone = xception.AlignedXception(*xception.SIZES[depth], output_stride=16)
  return deeplab_v3plus.DeepLabV3Plus(
      classes, backbone, features=FEATURES, low_level="low_level"
  )


SOURCES = {
    "segmentron/deeplabv3plus_xception65": engine.Source(
        lambda classes: deeplab_v3plus_xception(65, classes),
        _table(65),
        "head.block.2.weight",
        "encoder.conv1.weight",
    )
}
