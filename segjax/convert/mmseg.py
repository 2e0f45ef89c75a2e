"""Checkpoints of OpenMMLab's mmsegmentation.

Layouts and sizes read in mmsegmentation 1.2, configs/_base_/models and the
config that each source is named after.
"""

import functools

from segjax import layers
from segjax.backbones import resnet
from segjax.convert import engine, torchvision
from segjax.models import deeplab_v3, deeplab_v3plus, fcn, pspnet, unet


def _module(old: str, new: str) -> tuple[engine.Row, ...]:
  """An mmcv ConvModule: our ConvNormAct."""
  return (
      (old + r"\.conv", new + "/conv"),
      (old + r"\.bn", new + "/norm"),
  )


def _separable(old: str, new: str) -> tuple[engine.Row, ...]:
  """An mmcv DepthwiseSeparableConvModule: our SeparableConvNormAct."""
  return (
      *_module(old + r"\.depthwise_conv", new + "/depthwise"),
      *_module(old + r"\.pointwise_conv", new + "/pointwise"),
  )


def _fcn_head(old: str, new: str) -> tuple[engine.Row, ...]:
  return (
      *_module(old + r"\.convs\.0", new + "/conv1"),
      *_module(old + r"\.convs\.1", new + "/conv2"),
      *_module(old + r"\.conv_cat", new + "/conv_cat"),
      (old + r"\.conv_seg", new + "/classifier"),
  )


_STEM = r"backbone\.stem\."
_RESNET = (
    (_STEM + "0", "backbone/conv1_1/conv"),
    (_STEM + "1", "backbone/conv1_1/norm"),
    (_STEM + "3", "backbone/conv1_2/conv"),
    (_STEM + "4", "backbone/conv1_2/norm"),
    (_STEM + "6", "backbone/conv1_3/conv"),
    (_STEM + "7", "backbone/conv1_3/norm"),
    *torchvision.resnet_rows(r"backbone\.", "backbone/"),
    *_fcn_head("auxiliary_head", "aux"),
)


def _aspp(features: int) -> tuple[engine.Row, ...]:
  """ASPPHead, which puts the image-level branch in front of the others."""
  head = r"decode_head\."
  return (
      *_module(head + r"image_pool\.1", "aspp/image_pool"),
      *_module(head + r"aspp_modules\.0", "aspp/conv1x1"),
      *_module(head + r"aspp_modules\.(\d)", r"aspp/atrous\1"),
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
    *_module(r"decode_head\.c1_bottleneck", "decoder/reduce"),
    *_separable(r"decode_head\.sep_bottleneck\.0", "decoder/conv1"),
    *_separable(r"decode_head\.sep_bottleneck\.1", "decoder/conv2"),
)

_PYRAMID = tuple(
    row
    for i in range(4)
    for row in _module(
        rf"decode_head\.psp_modules\.{i}\.1", f"pyramid/level{i + 1}"
    )
) + (
    *_module(r"decode_head\.bottleneck", "head/conv1"),
    (r"decode_head\.conv_seg", "head/classifier"),
)

_UNET_LEVELS = 5
_UNET = (
    (r"decode_head\.conv_seg", "head"),
    *_module(r"decode_head\.convs\.0", "head_conv"),
    (r"auxiliary_head\.conv_seg", "aux_head"),
    *_module(r"auxiliary_head\.convs\.0", "aux_head_conv"),
) + tuple(
    row
    for i in range(_UNET_LEVELS)
    for j in range(2)
    for row in (
        *_module(
            rf"backbone\.encoder\.{i}\.[01]\.convs\.{j}",
            f"down{i + 1}/conv{j + 1}",
        ),
        *_module(
            rf"backbone\.decoder\.{i}\.conv_block\.convs\.{j}",
            f"merge{i + 1}/conv{j + 1}",
        ),
        *_module(
            rf"backbone\.decoder\.{i}\.upsample\.interp_upsample\.1",
            f"up{i + 1}/block",
        ),
    )
)


def _resnet(depth, **options):
  """ResNetV1c, or the plain ResNet with `deep_stem=None`."""
  options = {"deep_stem": (32, 32, 64), "output_stride": 8} | options
  return resnet.ResNet(
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
        _resnet(depth, **backbone_options),
        features=features,
        aux_features=64 if narrow else 256,
        **options,
    )

  first = "backbone.stem.0.weight" if deep_stem else "backbone.conv1.weight"
  table = (*_RESNET, *table)
  return engine.Source(build, table, "decode_head.conv_seg.weight", first)


_fcn = functools.partial(
    _source,
    fcn.DilatedFCN,
    _fcn_head("decode_head", "head"),
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
