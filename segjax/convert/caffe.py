"""Checkpoints of Caffe: FCN-AlexNet, DeconvNet, SegNet and SegNet-Basic.

Layouts read in the authors' prototxt files: shelhamer/fcn.berkeleyvision.org,
HyeonwooNoh/DeconvNet, alexgkendall/SegNet-Tutorial. A layer's first blob is its
`weight`, the second its `bias`. The last three have batch normalisation for
testing, a scale and a shift, and ours is frozen to that: it cannot go on
learning statistics. Images are BGR, of 0 to 255: minus their mean for FCN and
DeconvNet (`ops.normalize`, "caffe"), as they are for SegNet ("bgr").
"""

import functools

from segjax import layers
from segjax.backbones import alexnet, vgg
from segjax.convert import engine
from segjax.models import deconvnet, fcn, segnet

FOLDED = functools.partial(layers.BatchNorm, epsilon=0.0, frozen=True)
"""Scale and shift, and nothing else."""

_ALEXNET = (
    (r"conv(\d)", r"backbone/conv\1/conv"),
    ("(fc[67]|score_fr)", r"\1"),
    ("upscore", "upscore", engine.transposed),
)

_CAFFENET = ((r"conv(\d)", r"conv\1/conv"), (r"fc\d", None))

_DECONVNET = (
    (r"conv(\d_\d)", r"backbone/conv\1/conv"),
    (r"bn(\d_\d)", r"backbone/conv\1/norm"),
    ("(fc[67])", r"\1/conv"),
    ("bn(fc[67])", r"\1/norm"),
    ("fc6-deconv", "fc6_deconv/conv", engine.transposed),
    ("fc6-deconv-bn", "fc6_deconv/norm"),
    (r"(deconv\d_\d)", r"\1/conv", engine.transposed),
    (r"debn(\d_\d)", r"deconv\1/norm"),
    ("seg-score(-voc)?", "classifier"),
)

_SEGNET = (
    (r"conv(\d_\d)", r"backbone/conv\1/conv"),
    (r"conv(\d_\d)_bn", r"backbone/conv\1/norm"),
    ("conv1_1_D", "classifier"),
    (r"conv(\d_\d)_D", r"decode\1/conv"),
    (r"conv(\d_\d)_D_bn", r"decode\1/norm"),
)

_SEGNET_BASIC = (
    (r"conv(\d)", r"encode\1/conv"),
    (r"conv(\d)_bn", r"encode\1/norm"),
    (r"conv_decode(\d)", r"decode\1/conv"),
    (r"conv_decode(\d)_bn", r"decode\1/norm"),
    ("dense_softmax_inner_prod|conv_classifier", "classifier"),
)


def _vgg(**options):
  return vgg.VGG(norm=FOLDED, switches=True, **options)


SOURCES = {
    "caffe/bvlc_reference_caffenet": engine.Source(
        lambda _: alexnet.AlexNet(
            convs=alexnet.TWO_TOWERS, ceil_mode=True, lrn="after_pool"
        ),
        _CAFFENET,
        None,
        "conv1.weight",
        size=227,
    ),
    "caffe/deconvnet_voc": engine.Source(
        lambda classes: deconvnet.DeconvNet(
            classes, norm=FOLDED, backbone=_vgg()
        ),
        _DECONVNET,
        "seg-score-voc.weight",
        "conv1_1.weight",
        folded=True,
    ),
    "caffe/fcn_alexnet_voc": engine.Source(
        fcn.FCNAlexNet, _ALEXNET, "score_fr.weight", "conv1.weight"
    ),
    "caffe/segnet_basic_camvid": engine.Source(
        lambda classes: segnet.SegNetBasic(classes, use_bias=True, norm=FOLDED),
        _SEGNET_BASIC,
        "dense_softmax_inner_prod.weight",
        "conv1.weight",
        folded=True,
    ),
    "caffe/segnet_pascal": engine.Source(
        lambda classes: segnet.SegNet(
            classes, norm=FOLDED, backbone=_vgg(ceil_mode=True)
        ),
        _SEGNET,
        "conv1_1_D.weight",
        "conv1_1.weight",
        folded=True,
    ),
}
