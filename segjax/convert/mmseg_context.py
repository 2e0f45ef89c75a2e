"""Checkpoints of mmsegmentation: EncNet, ICNet, HRNet and OCRNet.

Layouts and sizes read in mmsegmentation 1.2, configs/_base_/models and the
config that each source is named after; see `mmseg`.
"""

from flax import linen as nn

from segjax.backbones import hrnet as backbones
from segjax.convert import engine, hrnet
from segjax.convert.mmseg import (
    fcn_head_rows,
    module_rows,
    resnet_rows,
    resnet_v1c,
)
from segjax.models import encnet, icnet, ocrnet
from segjax.models import hrnet as models

_CONV_SEG = "decode_head.conv_seg.weight"
_STEM = "backbone.stem.0.weight"
_HRNET_STEM = "backbone.conv1.weight"

_CONTEXT = r"decode_head\.enc_module\."
_ENCNET = (
    *resnet_rows(),
    *fcn_head_rows("auxiliary_head", "aux"),
    *module_rows(r"decode_head\.bottleneck", "conv5"),
    *module_rows(_CONTEXT + "encoding_project", "context/project"),
    (_CONTEXT + r"encoding\.0", "context/encoding"),
    (_CONTEXT + r"encoding\.1", "context/norm"),
    (_CONTEXT + r"fc\.0", "context/gamma"),
    (r"decode_head\.se_layer", "context/presence"),
    (r"decode_head\.conv_seg", "classifier"),
)


def _encnet(depth):
  def build(classes):
    return encnet.EncNet(
        classes,
        resnet_v1c(depth),
        aggregate="mean",
        residual=True,
        stage3=False,
        aux_features=256,
        align_corners=False,
    )

  return engine.Source(build, _ENCNET, _CONV_SEG, _STEM)


_PYRAMID_FEATURES = 512
_ICNET = (
    *resnet_rows(r"backbone\.backbone\.", "backbone/"),
    *(
        row
        for i in range(4)
        for row in module_rows(
            rf"backbone\.psp_modules\.{i}\.1", f"pyramid/level{i + 1}"
        )
    ),
    # The levels come first there.
    (
        r"backbone\.psp_bottleneck\.conv",
        "bottleneck/conv",
        engine.roll_inputs(-4 * _PYRAMID_FEATURES),
    ),
    (r"backbone\.psp_bottleneck\.bn", "bottleneck/norm"),
    *(
        row
        for i in range(3)
        for row in module_rows(rf"backbone\.conv_sub1\.{i}", f"high{i + 1}")
    ),
    *module_rows(r"backbone\.conv_sub2", "medium_project"),
    *module_rows(r"backbone\.conv_sub4", "low_project"),
    *module_rows(r"neck\.cff_(\d\d)\.conv_low", r"cff\1/atrous"),
    *module_rows(r"neck\.cff_(\d\d)\.conv_high", r"cff\1/project"),
    *fcn_head_rows("decode_head", "head"),
    *fcn_head_rows(r"auxiliary_head\.0", "low_head"),
    *fcn_head_rows(r"auxiliary_head\.1", "medium_head"),
)


def _icnet(depth):
  def build(classes):
    backbone = resnet_v1c(
        depth,
        icnet.CascadeResNet,
        width=64,
        stride_first=False,
        contract_dilation=True,
        halve_after=4 if depth > 18 else 2,
        align_corners=False,
    )
    return icnet.ICNet(
        classes,
        backbone,
        pyramid_features=_PYRAMID_FEATURES,
        medium_features=256,
        fusion_act=nn.relu,
        head_features=128,
        align_corners=False,
    )

  first = "backbone.backbone.stem.0.weight"
  return engine.Source(build, _ICNET, _CONV_SEG, first)


_HRNET = hrnet.hrnet_rows(r"backbone\.", "backbone/")
_FCN_HRNET = (
    *_HRNET,
    *module_rows(r"decode_head\.convs\.0", "mix"),
    (r"decode_head\.conv_seg", "classifier"),
)
_OCR = r"decode_head\.1\.object_context_block\."
_FEATURES = 512
_OCRNET = (
    *module_rows(r"decode_head\.0\.convs\.0", "region"),
    (r"decode_head\.0\.conv_seg", "region_classifier"),
    *module_rows(r"decode_head\.1\.bottleneck", "pixel"),
    *(
        row
        for i in range(2)
        for old, new in (("query", "phi"), ("key", "psi"))
        for row in module_rows(
            _OCR + rf"{old}_project\.{i}", f"ocr/{new}/conv{i + 1}"
        )
    ),
    *module_rows(_OCR + "value_project", "ocr/delta/conv1"),
    *module_rows(_OCR + "out_project", "ocr/rho/conv1"),
    # What a pixel finds comes first there.
    (
        _OCR + r"bottleneck\.conv",
        "ocr/g/conv1/conv",
        engine.roll_inputs(-_FEATURES),
    ),
    (_OCR + r"bottleneck\.bn", "ocr/g/conv1/norm"),
    (r"decode_head\.1\.conv_seg", "classifier"),
)


def _branches(width, small=False):
  options = {"fusion": "bilinear", "resize_twice": True}
  if small:
    options |= {"modules": (1, 3, 2), "size": 2, "first_size": 2}
  return backbones.HRNet(width, **options)


def _fcn_hrnet(width, small=False):
  return engine.Source(
      lambda classes: models.HRNetV2(classes, _branches(width, small)),
      _FCN_HRNET,
      _CONV_SEG,
      _HRNET_STEM,
  )


def _ocrnet(backbone, table, first, **region):
  def build(classes):
    return ocrnet.OCRNet(
        classes,
        backbone,
        features=_FEATURES,
        key_size=2,
        scaled=True,
        dropout_rate=0.0,
        align_corners=False,
        **region,
    )

  classes = "decode_head.1.conv_seg.weight"
  return engine.Source(build, (*table, *_OCRNET), classes, first)


def _ocrnet_hrnet(width):
  region = {"region_features": 15 * width, "region_kernel_size": 1}
  return _ocrnet(_branches(width), _HRNET, _HRNET_STEM, **region)


def _ocrnet_resnet(depth):
  return _ocrnet(resnet_v1c(depth), resnet_rows(), _STEM, region_features=256)


SOURCES = {
    "mmseg/encnet_r50-d8": _encnet(50),
    "mmseg/encnet_r101-d8": _encnet(101),
    "mmseg/icnet_r18-d8": _icnet(18),
    "mmseg/icnet_r50-d8": _icnet(50),
    "mmseg/fcn_hr18": _fcn_hrnet(18),
    "mmseg/fcn_hr18s": _fcn_hrnet(18, small=True),
    "mmseg/fcn_hr48": _fcn_hrnet(48),
    "mmseg/ocrnet_hr18": _ocrnet_hrnet(18),
    "mmseg/ocrnet_hr48": _ocrnet_hrnet(48),
    "mmseg/ocrnet_r101-d8": _ocrnet_resnet(101),
}
