"""Checkpoints of wkentaro/pytorch-fcn, converted from the authors' Caffe nets.

Layout read in torchfcn/models. The networks see BGR images of 0 to 255 minus
their mean: `ops.normalize(image, "caffe")`.
"""

from segjax.convert import engine
from segjax.models import fcn

_TABLE = (
    (r"conv(\d_\d)", r"backbone/conv\1/conv"),
    ("(fc[67]|score_fr|score_pool[34])", r"\1"),
    ("(upscore2|upscore_pool4)", r"\1", engine.transposed),
    ("upscore(8|16)?", r"upscore\1", engine.transposed),
)


def _fcn(stride, **options):
  return engine.Source(
      lambda classes: fcn.FCN(classes, stride, **options),
      _TABLE,
      "score_fr.weight",
      "conv1_1.weight",
  )


SOURCES = {
    "wkentaro/fcn32s_vgg16": _fcn(32),
    "wkentaro/fcn16s_vgg16": _fcn(16),
    "wkentaro/fcn8s_vgg16": _fcn(8),
    "wkentaro/fcn8s-atonce_vgg16": _fcn(8, scales=(0.01, 0.0001)),
}
