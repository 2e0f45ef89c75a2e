"""Checkpoints of huggingface/pytorch-image-models.

Layouts read in timm/models/resnet.py, mobilenet_v3.py (which has V1 too) and
xception_aligned.py.
"""

from segjax.backbones import mobilenet, resnet, xception
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


def _mobilenet_v1():
  rows = [
      ("conv_stem", "stem/conv"),
      ("bn1", "stem/norm"),
      ("classifier", None),
  ]
  for i, (_, size, _) in enumerate(mobilenet.V1_STAGES):
    for j in range(size):
      old, new = rf"blocks\.{i}\.{j}\.", f"conv{i + 1}_{j + 1}/"
      rows += [
          (old + "conv_dw", new + "depthwise/conv"),
          (old + "bn1", new + "depthwise/norm"),
          (old + "conv_pw", new + "pointwise/conv"),
          (old + "bn2", new + "pointwise/norm"),
      ]
  model = mobilenet.MobileNetV1()
  return engine.Source(lambda classes: model, rows, None, "conv_stem.weight")


def _xception(depth):
  entry, middle = xception.SIZES[depth]
  names = [f"entry{i + 1}" for i in range(len(entry))]
  names += [f"middle{i + 1}" for i in range(middle)]
  rows = [
      (r"stem\.0\.conv", "conv1/conv"),
      (r"stem\.0\.bn", "conv1/norm"),
      (r"stem\.1\.conv", "conv2/conv"),
      (r"stem\.1\.bn", "conv2/norm"),
      (r"head\.fc", None),
  ]
  for i, name in enumerate((*names, "exit1", "exit2")):
    old = rf"blocks\.{i}\."
    conv = old + r"stack\.conv(\d)\."
    rows += [
        (old + r"shortcut\.conv", f"{name}/shortcut/conv"),
        (old + r"shortcut\.bn", f"{name}/shortcut/norm"),
        (conv + "conv_dw", rf"{name}/conv\1/depthwise/conv"),
        (conv + "bn_dw", rf"{name}/conv\1/depthwise/norm"),
        (conv + "conv_pw", rf"{name}/conv\1/pointwise/conv"),
        (conv + "bn_pw", rf"{name}/conv\1/pointwise/norm"),
    ]
  model = xception.AlignedXception(entry, middle, output_stride=16)
  return engine.Source(lambda classes: model, rows, None, "stem.0.conv.weight")


SOURCES = {
    "timm/mobilenetv1_100": _mobilenet_v1(),
    "timm/resnet50c": _resnet(50, _C),
    "timm/resnet101c": _resnet(101, _C),
    "timm/resnet50d": _resnet(50, _D, avg_down=True),
    "timm/resnet101d": _resnet(101, _D, avg_down=True),
    **{f"timm/xception{depth}": _xception(depth) for depth in xception.SIZES},
}
