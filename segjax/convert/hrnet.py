"""Checkpoints of HRNet's authors: classifiers, key points, detectors.

Layouts read in HRNet-Image-Classification, lib/models/cls_hrnet.py, in
leoxiaobin/deep-high-resolution-net.pytorch, lib/models/pose_hrnet.py, and in
HRNet-Object-Detection, mmdet/models: backbones/hrnet.py and necks/hrfpn.py.
They name HRNet's modules alike, as does mmsegmentation.
"""

from segjax.backbones import hrnet
from segjax.convert import engine, torchvision
from segjax.models import hrnet as models

WIDTHS = (18, 32, 48)


def hrnet_rows(old: str = "", new: str = "") -> tuple[engine.Row, ...]:
  r"""HRNet's modules.

  Args:
    old: pattern in front of the source's names, such as `backbone\.`.
    new: path in front of ours, such as `backbone/`.
  """
  module = old + r"stage(\d)\.(\d)\."
  ours = new + r"stage\1_\2/"
  block = module + r"branches\.(\d)\.(\d)\."
  our_block = ours + r"branch\3/block\4/"
  rows = []
  for leaf, part in (("0", "conv"), ("1", "norm")):
    rows += [
        # The new, coarser branch is a sequence of one sequence.
        (
            old + rf"transition(\d)\.\d\.0\.{leaf}",
            new + rf"transition\1_1/{part}",
        ),
        (old + rf"transition1\.0\.{leaf}", new + f"transition1_0/{part}"),
        (
            module + rf"fuse_layers\.(\d)\.(\d)\.{leaf}",
            ours + rf"exchange/from\4_to\3/{part}",
        ),
        (
            module + rf"fuse_layers\.(\d)\.(\d)\.(\d)\.{leaf}",
            ours + rf"exchange/from\4_to\3_\5/{part}",
        ),
    ]
  return (
      (old + r"conv(\d)", new + r"conv\1/conv"),
      (old + r"bn(\d)", new + r"conv\1/norm"),
      *rows,
      (block + r"conv(\d)", our_block + r"conv\5/conv"),
      (block + r"bn(\d)", our_block + r"conv\5/norm"),
      *torchvision.resnet_rows(old, new),
  )


_CLASSIFIER = (
    (r"(incre_modules|downsamp_modules|final_layer)\..*", None),
    ("classifier", None),
)


def _source(width):
  model = hrnet.HRNet(width)
  table = (*hrnet_rows(), *_CLASSIFIER)
  return engine.Source(lambda classes: model, table, None, "conv1.weight")


def _v1(width):
  """HRNetV1 for key points."""

  def build(classes):
    return models.HRNetV1(classes, hrnet.HRNet(width, multi_scale=False))

  table = (*hrnet_rows("", "backbone/"), ("final_layer", "classifier"))
  return engine.Source(build, table, "final_layer.weight", "conv1.weight")


def _v2p(width):
  """The pyramid of a detector, without what detects on it."""
  table = (
      *hrnet_rows(r"backbone\.", "backbone/"),
      (r"neck\.reduction_conv\.0", "reduce"),
      *((rf"neck\.fpn_conv\.{i}", f"level{i + 2}") for i in range(5)),
      (r"(rpn|bbox|mask|semantic)_head\..*", None),
  )
  model = models.HRNetV2p(backbone=hrnet.HRNet(width))
  return engine.Source(
      lambda classes: model, table, None, "backbone.conv1.weight"
  )


SOURCES = (
    {f"hrnet/hrnet_w{width}_cls": _source(width) for width in WIDTHS}
    | {f"hrnet/hrnetv1_w{width}": _v1(width) for width in (32, 48)}
    | {f"hrnet/hrnetv2p_w{width}": _v2p(width) for width in WIDTHS[:2]}
)
