"""Checkpoints of DeepMotionAIResearch/DenseASPP, by the authors.

Layout read in models/DenseASPP.py, sizes in cfgs.
"""

from segjax.backbones import densenet
from segjax.convert import engine, torchvision
from segjax.models import denseaspp

RATES = denseaspp.DenseASPP.rates

_TABLE = (
    (r"features\.transition4\.(norm|conv)", r"transition4/\1"),
    (r"features\.norm5", "norm5"),
    *torchvision.densenet_rows(r"features\.", "backbone/"),
    *(
        row
        for i, rate in enumerate(RATES, start=1)
        for row in ((rf"ASPP_{rate}\.(norm|conv)\.(\d)", rf"aspp{i}/\1\2"),)
    ),
    (r"classification\.1", "classifier"),
)


def _denseaspp(depth):
  growth, width, sizes = densenet.SIZES[depth]
  inner_features, features = denseaspp.SIZES[depth]

  def build(classes):
    backbone = densenet.DenseNet(
        sizes,
        growth,
        width,
        output_stride=8,
        pool_dilated=False,
        norm_last=False,
    )
    return denseaspp.DenseASPP(
        classes, backbone, inner_features=inner_features, features=features
    )

  return engine.Source(
      build, _TABLE, "classification.1.weight", "features.conv0.weight"
  )


SOURCES = {
    f"deepmotion/denseaspp{depth}": _denseaspp(depth)
    for depth in densenet.SIZES
}
