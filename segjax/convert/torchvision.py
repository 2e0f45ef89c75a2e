"""Checkpoints of torchvision: backbones, FCN and DeepLabv3.

Layouts read in pytorch/vision 0.28, torchvision/models.
"""

from segjax import layers
from segjax.backbones import (
    alexnet,
    densenet,
    googlenet,
    mobilenet,
    mobilenet_v3,
    resnet,
    vgg,
)
from segjax.convert import engine
from segjax.models import deeplab_v3, fcn


def resnet_rows(old: str = "", new: str = "") -> tuple[engine.Row, ...]:
  r"""ResNet's modules as torchvision, and after it everyone, names them.

  Args:
    old: pattern in front of the source's names, such as `backbone\.`.
    new: path in front of ours, such as `backbone/`.
  """
  block = old + r"layer(\d)\.(\d+)\."
  ours = new + r"layer\1/block\2/"
  return (
      (old + "conv1", new + "conv1/conv"),
      (old + "bn1", new + "conv1/norm"),
      (block + r"conv(\d)", ours + r"conv\3/conv"),
      (block + r"bn(\d)", ours + r"conv\3/norm"),
      (block + r"downsample\.0", ours + "shortcut/project/conv"),
      (block + r"downsample\.1", ours + "shortcut/project/norm"),
  )


def head_rows(old: str, new: str) -> tuple[engine.Row, ...]:
  """An FCNHead: convolution, norm, ReLU, dropout, classifier."""
  return (
      (old + r"\.0", new + "/conv1/conv"),
      (old + r"\.1", new + "/conv1/norm"),
      (old + r"\.4", new + "/classifier"),
  )


def aspp_rows(old: str, new: str) -> tuple[engine.Row, ...]:
  """An ASPP module."""
  return (
      (old + r"\.convs\.0\.0", new + "/conv1x1/conv"),
      (old + r"\.convs\.0\.1", new + "/conv1x1/norm"),
      (old + r"\.convs\.4\.1", new + "/image_pool/conv"),
      (old + r"\.convs\.4\.2", new + "/image_pool/norm"),
      (old + r"\.convs\.([123])\.0", new + r"/atrous\1/conv"),
      (old + r"\.convs\.([123])\.1", new + r"/atrous\1/norm"),
      (old + r"\.project\.0", new + "/project/conv"),
      (old + r"\.project\.1", new + "/project/norm"),
  )


def vgg_rows(stage_sizes, norm: bool) -> tuple[engine.Row, ...]:
  """VGG's convolutions, which torchvision counts with all other layers."""
  rows, layer = [], 0
  for i, size in enumerate(stage_sizes, start=1):
    for j in range(1, size + 1):
      rows.append((rf"features\.{layer}", f"conv{i}_{j}/conv"))
      if norm:
        rows.append((rf"features\.{layer + 1}", f"conv{i}_{j}/norm"))
      layer += 3 if norm else 2
    layer += 1  # The pool.
  return (*rows, (r"classifier\.\d", None))


_BLOCK = r"features\.(\d+)\.conv\."
_MOBILENET_V2 = (
    (r"features\.0\.0", "stem/conv"),
    (r"features\.0\.1", "stem/norm"),
    # The first bottleneck has no expansion.
    (r"features\.1\.conv\.0\.0", "block1/depthwise/conv"),
    (r"features\.1\.conv\.0\.1", "block1/depthwise/norm"),
    (r"features\.1\.conv\.1", "block1/project/conv"),
    (r"features\.1\.conv\.2", "block1/project/norm"),
    # The 1x1 convolution in front of the classifier.
    (r"features\.18\.[01]", None),
    (_BLOCK + r"0\.0", r"block\1/expand/conv"),
    (_BLOCK + r"0\.1", r"block\1/expand/norm"),
    (_BLOCK + r"1\.0", r"block\1/depthwise/conv"),
    (_BLOCK + r"1\.1", r"block\1/depthwise/norm"),
    (_BLOCK + "2", r"block\1/project/conv"),
    (_BLOCK + "3", r"block\1/project/norm"),
    (r"classifier\.\d", None),
)


def mobilenet_v3_rows(
    blocks, old: str = "", new: str = ""
) -> tuple[engine.Row, ...]:
  r"""MobileNetV3's modules, whose parts are counted within a bottleneck.

  Args:
    blocks: the bottlenecks, as in `mobilenet_v3`.
    old: pattern in front of the source's names, such as `backbone\.`.
    new: path in front of ours, such as `backbone/`.
  """

  def conv(name, path):
    return (
        (rf"{old}{name}\.0", f"{new}{path}/conv"),
        (rf"{old}{name}\.1", f"{new}{path}/norm"),
    )

  rows, channels = [*conv("0", "stem")], 16
  for i, (_, expanded, features, squeeze_excite, *_) in enumerate(blocks, 1):
    parts = ["expand"] if expanded != channels else []
    parts += ["depthwise", *(["se"] if squeeze_excite else []), "project"]
    channels = features
    for j, part in enumerate(parts):
      name, path = rf"{i}\.block\.{j}", f"block{i}/{part}"
      rows += conv(name, path)
      rows += [
          (rf"{old}{name}\.fc1", f"{new}{path}/reduce"),
          (rf"{old}{name}\.fc2", f"{new}{path}/expand"),
      ]
  return (*rows, *conv(str(len(blocks) + 1), "last"))


_INCEPTION = r"(inception\d[a-e])\."
_GOOGLENET = (
    (r"aux\d\..*", None),
    ("fc", None),
    *(
        row
        for part, ours in (("conv", "conv"), ("bn", "norm"))
        for row in (
            (rf"conv(\d)\.{part}", rf"conv\1/{ours}"),
            (rf"{_INCEPTION}branch1\.{part}", rf"\1/conv1x1/{ours}"),
            (rf"{_INCEPTION}branch2\.0\.{part}", rf"\1/reduce3x3/{ours}"),
            (rf"{_INCEPTION}branch2\.1\.{part}", rf"\1/conv3x3/{ours}"),
            (rf"{_INCEPTION}branch3\.0\.{part}", rf"\1/reduce5x5/{ours}"),
            (rf"{_INCEPTION}branch3\.1\.{part}", rf"\1/conv5x5/{ours}"),
            (rf"{_INCEPTION}branch4\.1\.{part}", rf"\1/pool_proj/{ours}"),
        )
    ),
)

_ALEXNET = (
    *(
        (rf"features\.{layer}", f"conv{i}/conv")
        for i, layer in enumerate((0, 3, 6, 8, 10), start=1)
    ),
    (r"classifier\.\d", None),
)


def densenet_rows(old: str = "", new: str = "") -> tuple[engine.Row, ...]:
  r"""DenseNet's modules.

  Args:
    old: pattern in front of the source's names, such as `features\.`.
    new: path in front of ours, such as `backbone/`.
  """
  layer = old + r"denseblock(\d)\.denselayer(\d+)\."
  return (
      (old + "conv0", new + "conv0/conv"),
      (old + "norm0", new + "conv0/norm"),
      (old + "norm5", new + "norm5"),
      # The published files say "norm.1" where the library now says "norm1".
      (layer + r"(norm|conv)\.?(\d)", new + r"block\1/layer\2/\3\4"),
      (old + r"transition(\d)\.(norm|conv)", new + r"transition\1/\2"),
  )


_DENSENET = (*densenet_rows(r"features\."), ("classifier", None))


def _backbone(model, table, first):
  return engine.Source(lambda classes: model, table, None, first)


def _segmentation(build, head):
  table = (
      *resnet_rows(r"backbone\.", "backbone/"),
      *head,
      *head_rows("aux_classifier", "aux"),
  )
  return engine.Source(
      build, table, "classifier.4.weight", "backbone.conv1.weight"
  )


def _resnet(depth, **options):
  return resnet.ResNet(
      resnet.STAGE_SIZES[depth], bottleneck=depth >= 50, **options
  )


def _fcn(depth):
  return _segmentation(
      lambda classes: fcn.DilatedFCN(classes, _resnet(depth, output_stride=8)),
      head_rows("classifier", "head"),
  )


_DEEPLAB_V3 = (
    *aspp_rows(r"classifier\.0", "aspp"),
    (r"classifier\.1", "conv1/conv"),
    (r"classifier\.2", "conv1/norm"),
    (r"classifier\.4", "classifier"),
)


def _deeplab_v3_model(classes, backbone, **options):
  return deeplab_v3.DeepLabV3(
      classes,
      backbone,
      rates=(12, 24, 36),
      head_convs=1,
      dropout_rate=0.5,
      align_corners=False,
      **options,
  )


def _deeplab_v3(depth):
  return _segmentation(
      lambda classes: _deeplab_v3_model(
          classes, _resnet(depth, output_stride=8), aux_features=256
      ),
      _DEEPLAB_V3,
  )


def _deeplab_v3_mobilenet():
  """At output stride 16, with the rates of 8."""
  backbone = mobilenet_v3.MobileNetV3(output_stride=16, contract_dilation=False)
  return engine.Source(
      lambda classes: _deeplab_v3_model(
          classes, backbone, aux_features=10, aux_level="block4"
      ),
      (
          *mobilenet_v3_rows(mobilenet_v3.LARGE, r"backbone\.", "backbone/"),
          *_DEEPLAB_V3,
          *head_rows("aux_classifier", "aux"),
      ),
      "classifier.4.weight",
      "backbone.0.0.weight",
  )


def _sources():
  table = (*resnet_rows(), ("fc", None))
  for depth in resnet.STAGE_SIZES:
    yield f"resnet{depth}", _backbone(_resnet(depth), table, "conv1.weight")
  resnext = _resnet(50, groups=32, width_per_group=4)
  yield "resnext50_32x4d", _backbone(resnext, table, "conv1.weight")
  for depth in (16, 19):
    sizes, first = vgg.STAGE_SIZES[depth], "features.0.weight"
    plain, normed = vgg.VGG(sizes), vgg.VGG(sizes, norm=layers.BatchNorm)
    yield f"vgg{depth}", _backbone(plain, vgg_rows(sizes, False), first)
    yield f"vgg{depth}_bn", _backbone(normed, vgg_rows(sizes, True), first)
  yield "mobilenet_v2", _backbone(
      mobilenet.MobileNetV2(), _MOBILENET_V2, "features.0.0.weight"
  )
  for size in ("large", "small"):
    blocks = getattr(mobilenet_v3, size.upper())
    yield f"mobilenet_v3_{size}", _backbone(
        mobilenet_v3.MobileNetV3(blocks),
        (
            *mobilenet_v3_rows(blocks, r"features\."),
            (r"classifier\.\d", None),
        ),
        "features.0.0.weight",
    )
  yield "googlenet", _backbone(
      googlenet.GoogLeNet(renormalize=True), _GOOGLENET, "conv1.conv.weight"
  )
  yield "alexnet", _backbone(alexnet.AlexNet(), _ALEXNET, "features.0.weight")
  for depth, (growth, width, sizes) in densenet.SIZES.items():
    yield f"densenet{depth}", _backbone(
        densenet.DenseNet(sizes, growth, width),
        _DENSENET,
        "features.conv0.weight",
    )
  for depth in (50, 101):
    yield f"fcn_resnet{depth}", _fcn(depth)
    yield f"deeplabv3_resnet{depth}", _deeplab_v3(depth)
  yield "deeplabv3_mobilenet_v3_large", _deeplab_v3_mobilenet()


SOURCES = {f"torchvision/{name}": source for name, source in _sources()}
