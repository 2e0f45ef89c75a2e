"""Checkpoints of TorchSeg, by the first author of DFN and BiSeNet.

Layouts read in furnace/ and model/dfn, model/bisenet of ycszen/TorchSeg.
"""

from segjax.backbones import resnet, xception39
from segjax.convert import engine, torchvision
from segjax.models import bisenet, dfn


def _conv(old: str, new: str) -> tuple[engine.Row, ...]:
  """A ConvBnRelu: our ConvNormAct."""
  return (
      (old + r"\.conv", new + "/conv"),
      (old + r"\.bn", new + "/norm"),
  )


def _resnet(old: str, deep_stem: bool) -> tuple[engine.Row, ...]:
  """A ResNet, whose deep stem keeps its last norm outside."""
  rows = torchvision.resnet_rows(old + r"\.", "backbone/")
  if not deep_stem:
    return rows
  stem = tuple(
      row
      for i in (1, 2, 3)
      for row in (
          (rf"{old}\.conv1\.{3 * i - 3}", f"backbone/conv1_{i}/conv"),
          (rf"{old}\.conv1\.{3 * i - 2}", f"backbone/conv1_{i}/norm"),
      )
  )
  return (*stem, (old + r"\.bn1", "backbone/conv1_3/norm"), *rows)


def _backbone(depth, deep_stem):
  return resnet.ResNet(
      resnet.STAGE_SIZES[depth],
      bottleneck=depth >= 50,
      deep_stem=(64, 64, 128) if deep_stem else None,
  )


def _refine(old: str, new: str) -> tuple[engine.Row, ...]:
  """A RefineResidual."""
  return (
      (old + r"\.conv_1x1", new + "/unify"),
      *_conv(old + r"\.cbr", new + "/conv1"),
      (old + r"\.conv_refine", new + "/conv2"),
  )


_DFN = (
    *_resnet("backbone", deep_stem=True),
    *_conv(r"global_context\.1", "smooth/global_context"),
    (r"cabs\.(\d)\.channel_attention\.fc\.0", r"smooth/attention\1/dense1"),
    (r"cabs\.(\d)\.channel_attention\.fc\.2", r"smooth/attention\1/dense2"),
    # The finest stage has nothing to be added to; its block is never called.
    (r"border_aft_rrbs\.0\..*", None),
    *(
        row
        for part in ("smooth", "border")
        for row in (
            *_refine(part + r"_pre_rrbs\.(\d)", part + r"/before\1"),
            *_refine(part + r"_aft_rrbs\.(\d)", part + r"/after\1"),
            *_refine(part + r"_heads\.(\d)\.rrb", part + r"/head\1/refine"),
            (part + r"_heads\.(\d)\.conv", part + r"/head\1/classifier"),
        )
    ),
)

_SEPARABLE = r"context_path\.layer(\d)\.(\d)\."
_XCEPTION39 = (
    *_conv(r"context_path\.conv1", "backbone/conv1"),
    *(
        row
        for old, new in (
            (r"proj", "shortcut"),
            (r"residual_branch\.0", "conv1"),
            (r"residual_branch\.1", "conv2"),
            (r"residual_branch\.2", "conv3"),
        )
        for row in (
            (
                rf"{_SEPARABLE}{old}\.conv1",
                rf"backbone/layer\1_block\2/{new}/depthwise",
            ),
            *_conv(
                rf"{_SEPARABLE}{old}\.point_wise_cbr",
                rf"backbone/layer\1_block\2/{new}/pointwise",
            ),
        )
    ),
)

_BISENET = (
    *_conv(r"spatial_path\.conv_7x7", "spatial_path/conv1"),
    *_conv(r"spatial_path\.conv_3x3_1", "spatial_path/conv2"),
    *_conv(r"spatial_path\.conv_3x3_2", "spatial_path/conv3"),
    *_conv(r"spatial_path\.conv_1x1", "spatial_path/conv4"),
    *_conv(r"global_context\.1", "context_path/global_context"),
    *(
        row
        for i, stride in enumerate((32, 16))
        for row in (
            *_conv(rf"arms\.{i}\.conv_3x3", f"context_path/arm{stride}/conv"),
            *_conv(
                rf"arms\.{i}\.channel_attention\.1",
                f"context_path/arm{stride}/attention",
            ),
            *_conv(rf"refines\.{i}", f"context_path/refine{stride}"),
        )
    ),
    *_conv(r"ffm\.conv_1x1", "fusion/conv"),
    (r"ffm\.channel_attention\.([12])\.conv", r"fusion/attention\1"),
    *(
        row
        for i, head in enumerate(("aux32", "aux16", "head"))
        for row in (
            *_conv(rf"heads\.{i}\.conv_3x3", f"{head}/conv1"),
            (rf"heads\.{i}\.conv_1x1", f"{head}/classifier"),
        )
    ),
)


def _dfn():
  return engine.Source(
      lambda classes: dfn.DFN(classes, _backbone(101, deep_stem=True)),
      _DFN,
      "smooth_heads.3.conv.weight",
      "backbone.conv1.0.weight",
  )


def _bisenet(make, rows, first, **options):
  return engine.Source(
      lambda classes: bisenet.BiSeNet(classes, make(), **options),
      (*rows, *_BISENET),
      "heads.2.conv_1x1.weight",
      f"context_path.{first}.weight",
  )


SOURCES = {
    "torchseg/dfn_r101_voc": _dfn(),
    "torchseg/dfn_r101_cityscapes": _dfn(),
    "torchseg/bisenet_x39": _bisenet(
        xception39.Xception39, _XCEPTION39, "conv1.conv", aux_features=128
    ),
    "torchseg/bisenet_r18": _bisenet(
        lambda: _backbone(18, deep_stem=False),
        _resnet("context_path", deep_stem=False),
        "conv1",
    ),
    "torchseg/bisenet_r101": _bisenet(
        lambda: _backbone(101, deep_stem=True),
        _resnet("context_path", deep_stem=True),
        "conv1.0",
        head_features=256,
    ),
}
