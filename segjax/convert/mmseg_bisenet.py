"""Checkpoints of OpenMMLab's mmsegmentation: BiSeNet.

Layout read in mmseg/models/backbones/bisenetv1.py of mmsegmentation 1.2; its
"backbone" is all of the network but the heads.
"""

from segjax.backbones import resnet
from segjax.convert import engine, torchvision
from segjax.models import bisenet


def _module(old: str, new: str) -> tuple[engine.Row, ...]:
  """An mmcv ConvModule: our ConvNormAct."""
  return (
      (old + r"\.conv", new + "/conv"),
      (old + r"\.bn", new + "/norm"),
  )


def _head(old: str, new: str) -> tuple[engine.Row, ...]:
  return (
      *_module(old + r"\.convs\.0", new + "/conv1"),
      (old + r"\.conv_seg", new + "/classifier"),
  )


_CONTEXT = r"backbone\.context_path\."
_TABLE = (
    *torchvision.resnet_rows(_CONTEXT + r"backbone\.", "backbone/"),
    *_module(_CONTEXT + r"gap_conv\.1", "context_path/global_context"),
    *_module(_CONTEXT + r"arm(\d+)\.conv_layer", r"context_path/arm\1/conv"),
    *_module(
        _CONTEXT + r"arm(\d+)\.atten_conv_layer\.1",
        r"context_path/arm\1/attention",
    ),
    *_module(_CONTEXT + r"conv_head(\d+)", r"context_path/refine\1"),
    *_module(r"backbone\.spatial_path\.layer(\d)", r"spatial_path/conv\1"),
    *_module(r"backbone\.ffm\.conv1", "fusion/conv"),
    *_module(r"backbone\.ffm\.conv_atten\.0", "fusion/attention"),
    *_head("decode_head", "head"),
    *_head(r"auxiliary_head\.0", "aux16"),
    *_head(r"auxiliary_head\.1", "aux32"),
)


def _source(depth):
  """Widths grow with the ResNet's: four times as wide with bottlenecks."""
  wide = 4 if depth >= 50 else 1

  def build(classes):
    backbone = resnet.ResNet(resnet.STAGE_SIZES[depth], bottleneck=depth >= 50)
    return bisenet.BiSeNet(
        classes,
        backbone,
        spatial_features=(64 * wide, 64 * wide, 64 * wide, 128 * wide),
        context_features=128 * wide,
        fusion_features=256 * wide,
        head_features=256 * wide,
        aux_features=64 * wide,
        normed_attention=True,
        up="nearest",
        dropout_rate=0.1,
        align_corners=False,
    )

  return engine.Source(
      build,
      _TABLE,
      "decode_head.conv_seg.weight",
      "backbone.context_path.backbone.conv1.weight",
  )


SOURCES = {f"mmseg/bisenetv1_r{depth}": _source(depth) for depth in (18, 50)}
