"""DeepLabv3 on MobileNetV2 as published for TensorFlow Lite, without BatchNorm.

A .npz of the constants of the .tflite file, named `index:name` with kernels
OHWI; those of the quantised network as floats. BatchNorm is folded into the
convolutions, so that each has a kernel and a bias. The networks see RGB images
of -1 to 1, in which the long side has 257 (or 513) pixels and grey fills the
square; `convert.preset` has it in our words. At these sizes TensorFlow's "SAME"
pads both sides alike, as we do.
"""

import re

from segjax import layers
from segjax.backbones import mobilenet
from segjax.convert import engine
from segjax.models import deeplab_v3

FEATURES = 256
"""Channels of ASPP."""

_KERNEL = "/(depthwise_)?weights(_quant/FakeQuantWithMinMaxVars)?"
_BIAS = "/(Conv2D_bias|depthwise_bias|BatchNorm_Fold/bias|biases)"


def plain(name: str) -> str:
  """The convolution and the part of it that a constant is.

  A stored name is the constant's index and, joined by semicolons, the names of
  all that the converter has merged into one; the constant's own is the last.
  """
  name = name.partition(":")[2] or name
  name = name.rpartition(";")[2]
  name = re.sub(f"{_KERNEL}$", "/conv/kernel", name)
  return re.sub(f"{_BIAS}$", "/norm/bias", name)


LAYOUT = engine.Layout(
    separator="/",
    inputs=3,
    leaves={
        ("kernel", 4): ("params", "kernel", (1, 2, 3, 0)),
        ("bias", 1): ("params", "bias", (0,)),
    },
    plain=plain,
)


def _depthwise(kernel):
  """A depthwise kernel, stored 1HWC, as the others are stored."""
  return kernel.transpose(3, 1, 2, 0)


def _table():
  part = "/(conv|norm)"
  rows = [(f"MobilenetV2/Conv{part}", r"backbone/stem/\1")]
  for i in range(17):
    old = "MobilenetV2/expanded_conv" + (f"_{i}" if i else "")
    new = f"backbone/block{i + 1}"
    rows += [
        (f"{old}/(expand|project){part}", rf"{new}/\1/\2"),
        (f"{old}/depthwise{part}", rf"{new}/depthwise/\1", _depthwise),
    ]
  rows += [
      (f"aspp0{part}", r"aspp/conv1x1/\1"),
      (f"image_pooling{part}", r"aspp/image_pool/\1"),
      # The image-level branch comes first there.
      (
          f"concat_projection{part}",
          r"aspp/project/\1",
          engine.roll_inputs(-FEATURES, LAYOUT),
      ),
      (f"logits/semantic{part}", "classifier"),
      # Sizes, and the axis of the classes.
      ("ResizeBilinear(_[0-9]+)?|strided_slice_[0-9]+|ArgMax", None),
  ]
  return rows


def _source(output_stride, width, divisor):
  def build(classes):
    backbone = mobilenet.MobileNetV2(
        output_stride, width, layers.Bias, divisor=divisor
    )
    return deeplab_v3.DeepLabV3(
        classes, backbone, rates=(), features=FEATURES, norm=layers.Bias
    )

  return engine.Source(
      build,
      _table(),
      "logits/semantic/conv/kernel",
      "MobilenetV2/Conv/conv/kernel",
      layout=LAYOUT,
  )


SOURCES = {
    "tflite/deeplabv3_257_mv_gpu": _source(8, 0.5, 1),
    "tflite/deeplabv3_mnv2_pascal_quant": _source(16, 1.0, 8),
}
