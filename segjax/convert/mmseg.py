"""Checkpoints of OpenMMLab's mmsegmentation.

Layouts and sizes read in mmsegmentation 1.2, configs/_base_/models and the
config that each source is named after.
"""

import functools

from segjax import layers
from segjax.backbones import resnet
from segjax.convert import engine, torchvision
from segjax.models import deeplab_v3, deeplab_v3plus, fcn, pspnet, unet


def module_rows(old: str, new: str) -> tuple[engine.Row, ...]:
  """An mmcv ConvModule: our ConvNormAct."""
  return (
      (old + r"\.conv", new + "/conv"),
      (old + r"\.bn", new + "/norm"),
  )


def _separable(old: str, new: str) -> tuple[engine.Row, ...]:
  """An mmcv DepthwiseSeparableConvModule: our SeparableConvNormAct."""
  return (
      *module_rows(old + r"\.depthwise_conv", new + "/depthwise"),
      *module_rows(old + r"\.pointwise_conv", new + "/pointwise"),
  )


def fcn_head_rows(old: str, new: str) -> tuple[engine.Row, ...]:
  """An FCNHead of at most two convolutions."""
  return (
      *module_rows(old + r"\.convs\.0", new + "/conv1"),
      *module_rows(old + r"\.convs\.1", new + "/conv2"),
      *module_rows(old + r"\.conv_cat", new + "/conv_cat"),
      (old + r"\.conv_seg", new + "/classifier"),
  )


def resnet_rows(
    old: str = r"backbone\.", new: str = "backbone/"
) -> tuple[engine.Row, ...]:
  """A ResNet, or a ResNetV1c, whose stem is a sequence."""
  stem = old + r"stem\."
  return (
      (stem + "0", new + "conv1_1/conv"),
      (stem + "1", new + "conv1_1/norm"),
      (stem + "3", new + "conv1_2/conv"),
      (stem + "4", new + "conv1_2/norm"),
      (stem + "6", new + "conv1_3/conv"),
      (stem + "7", new + "conv1_3/norm"),
      *torchvision.resnet_rows(old, new),
  )


def _aspp(features: int) -> tuple[engine.Row, ...]:
  """ASPPHead, which puts the image-level branch in front of the others."""
  head = r"decode_head\."
  return (
      *module_rows(head + r"image_pool\.1", "aspp/image_pool"),
      *module_rows(head + r"aspp_modules\.0", "aspp/conv1x1"),
      *module_rows(head + r"aspp_modules\.(\d)", r"aspp/atrous\1"),
      *_separable(head + r"aspp_modules\.(\d)", r"aspp/atrous\1"),
      (
          head + r"bottleneck\.conv",
          "aspp/project/conv",
          engine.roll_inputs(-features),
      ),
      (head + r"bottleneck\.bn", "aspp/project/norm"),
      (head + "conv_seg", "classifier"),
  )


_SEPARABLE_DECODER = (
    *module_rows(r"decode_head\.c1_bottleneck", "decoder/reduce"),
    *_separable(r"decode_head\.sep_bottleneck\.0", "decoder/conv1"),
    *_separable(r"decode_head\.sep_bottleneck\.1", "decoder/conv2"),
)

_PYRAMID = tuple(
    row
    for i in range(4)
    for row in module_rows(
        rf"decode_head\.psp_modules\.{i}\.1", f"pyramid/level{i + 1}"
    )
) + (
    *module_rows(r"decode_head\.bottleneck", "head/conv1"),
    (r"decode_head\.conv_seg", "head/classifier"),
)

_UNET_LEVELS = 5
_UNET = (
    (r"decode_head\.conv_seg", "head"),
    *module_rows(r"decode_head\.convs\.0", "head_conv"),
    (r"auxiliary_head\.conv_seg", "aux_head"),
    *module_rows(r"auxiliary_head\.convs\.0", "aux_head_conv"),
) + tuple(
    row
    for i in range(_UNET_LEVELS)
    for j in range(2)
    for row in (
        *module_rows(
            rf"backbone\.encoder\.{i}\.[01]\.convs\.{j}",
            f"down{i + 1}/conv{j + 1}",
        ),
        *module_rows(
            rf"backbone\.decoder\.{i}\.conv_block\.convs\.{j}",
            f"merge{i + 1}/conv{j + 1}",
        ),
        *module_rows(
            rf"backbone\.decoder\.{i}\.upsample\.interp_upsample\.1",
            f"up{i + 1}/block",
        ),
    )
)


def resnet_v1c(depth: int, cls=resnet.ResNet, **options) -> resnet.ResNet:
  """ResNetV1c, or the plain ResNet with `deep_stem=None`."""
  options = {"deep_stem": (32, 32, 64), "output_stride": 8} | options
  return cls(
      resnet.STAGE_SIZES[depth],
      bottleneck=depth >= 50,
      dilate_conv2=False,
      **options,
  )


def _source(model, table, depth, features=512, deep_stem=True, **options):
  """A decoder on a ResNet; that of ResNet-18 has a quarter of the channels."""
  narrow = depth < 50
  features = features // 4 if narrow else features
  backbone_options = options.pop("backbone", {})
  if not deep_stem:
    backbone_options["deep_stem"] = None

  def build(classes):
    return model(
        classes,
        resnet_v1c(depth, **backbone_options),
        features=features,
        aux_features=64 if narrow else 256,
        **options,
    )

  first = "backbone.stem.0.weight" if deep_stem else "backbone.conv1.weight"
  aux = fcn_head_rows("auxiliary_head", "aux")
  table = (*resnet_rows(), *aux, *table)
  return engine.Source(build, table, "decode_head.conv_seg.weight", first)


_fcn = functools.partial(
    _source,
    fcn.DilatedFCN,
    fcn_head_rows("decode_head", "head"),
    convs=2,
    concat_input=True,
)

_pspnet = functools.partial(
    _source, pspnet.PSPNet, _PYRAMID, align_corners=False
)

_deeplab_v3 = functools.partial(
    _source,
    deeplab_v3.DeepLabV3,
    _aspp(512),
    project_kernel_size=3,
    align_corners=False,
)


def _deeplab_v3plus(depth, **options):
  narrow = depth < 50
  return _source(
      deeplab_v3plus.DeepLabV3Plus,
      (*_aspp(128 if narrow else 512), *_SEPARABLE_DECODER),
      depth,
      low_level_features=12 if narrow else 48,
      project_kernel_size=3,
      align_corners=False,
      **options,
  )


_D8 = {"rates": (12, 24, 36)}


def _d16_mg124():
  """Multi-grid rates that take the place of the dilation of 2."""
  backbone = {
      "output_stride": 16,
      "multi_grid": (1, 2, 4),
      "multi_grid_replaces": True,
  }
  return {"rates": (6, 12, 18), "backbone": backbone}


def _unet(classes):
  return unet.UNet(
      classes,
      padding="same",
      up="bilinear_conv",
      fcn_head=True,
      norm=layers.BatchNorm,
  )


SOURCES = {
    "mmseg/fcn_r50-d8": _fcn(50),
    "mmseg/fcn_r50b-d8": _fcn(50, deep_stem=False),
    "mmseg/pspnet_r18-d8": _pspnet(18),
    "mmseg/pspnet_r50-d8": _pspnet(50),
    "mmseg/pspnet_r101-d8": _pspnet(101),
    "mmseg/deeplabv3_r50-d8": _deeplab_v3(50, **_D8),
    "mmseg/deeplabv3_r101-d8": _deeplab_v3(101, **_D8),
    "mmseg/deeplabv3_r101-d16-mg124": _deeplab_v3(101, **_d16_mg124()),
    "mmseg/deeplabv3plus_r18-d8": _deeplab_v3plus(18, **_D8),
    "mmseg/deeplabv3plus_r50-d8": _deeplab_v3plus(50, **_D8),
    "mmseg/deeplabv3plus_r101-d8": _deeplab_v3plus(101, **_D8),
    "mmseg/deeplabv3plus_r101-d16-mg124": _deeplab_v3plus(101, **_d16_mg124()),
    "mmseg/unet_s5-d16_fcn": engine.Source(
        _unet,
        _UNET,
        "decode_head.conv_seg.weight",
        "backbone.encoder.0.0.convs.0.conv.weight",
    ),
}
