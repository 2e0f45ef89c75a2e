"""Checkpoints of zhanghang1989/PyTorch-Encoding, by EncNet's first author.

Layout read in encoding/models/sseg/encnet.py and encoding/models/backbone.
"""

from segjax.backbones import resnet
from segjax.convert import engine, torchvision
from segjax.models import encnet


def _sequence(old: str, new: str) -> tuple[engine.Row, ...]:
  """Convolution, norm, ReLU."""
  return (old + r"\.0", new + "/conv"), (old + r"\.1", new + "/norm")


_STEM = r"pretrained\.conv1\."
_TABLE = (
    (_STEM + "0", "backbone/conv1_1/conv"),
    (_STEM + "1", "backbone/conv1_1/norm"),
    (_STEM + "3", "backbone/conv1_2/conv"),
    (_STEM + "4", "backbone/conv1_2/norm"),
    (_STEM + "6", "backbone/conv1_3/conv"),
    (r"pretrained\.bn1", "backbone/conv1_3/norm"),
    *torchvision.resnet_rows(r"pretrained\.", "backbone/"),
    (r"pretrained\.fc", None),
    *_sequence(r"head\.conv5", "conv5"),
    *_sequence(r"head\.connect\.0", "lateral_c3"),
    *_sequence(r"head\.connect\.1", "lateral_c4"),
    *_sequence(r"head\.fusion", "fusion"),
    *_sequence(r"head\.encmodule\.encoding", "context/project"),
    (r"head\.encmodule\.encoding\.3", "context/encoding"),
    (r"head\.encmodule\.encoding\.4", "context/norm"),
    (r"head\.encmodule\.fc\.0", "context/gamma"),
    (r"head\.encmodule\.selayer", "context/presence"),
    (r"head\.conv6\.1", "classifier"),
    *torchvision.head_rows(r"auxlayer\.conv5", "aux"),
)


def _encnet(depth, lateral):
  def build(classes):
    backbone = resnet.ResNet(
        resnet.STAGE_SIZES[depth],
        output_stride=8,
        deep_stem=(64, 64, 128),
    )
    return encnet.EncNet(
        classes,
        backbone,
        aggregate="mean",
        residual=True,
        stage3=False,
        lateral=lateral,
        aux_features=256,
    )

  return engine.Source(
      build, _TABLE, "head.conv6.1.weight", "pretrained.conv1.0.weight"
  )


SOURCES = {
    f"encoding/encnet_resnet{depth}s_{data}": _encnet(depth, data == "pcontext")
    for depth in (50, 101)
    for data in ("pcontext", "ade")
}
"""The authors' `lateral` is for PASCAL Context alone."""
