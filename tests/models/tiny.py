"""One small network of every kind, for tests of what all models promise."""

from segjax.backbones import mobilenet, resnet, vgg
from segjax.models import deeplab_v3, deeplab_v3plus, fcn, pspnet, unet

CLASSES = 3


def tiny_resnet(**options):
  return resnet.ResNet(
      stage_sizes=(1, 1, 1, 1), width=4, output_stride=8, **options
  )


def tiny_vgg():
  return vgg.VGG((1,) * 5, width=2, first_padding=100, ceil_mode=True)


RESNET = {"num_classes": CLASSES, "backbone": tiny_resnet(), "features": 4}
FCN = {"num_classes": CLASSES, "features": 4, "backbone": tiny_vgg()}
MODELS = {
    # name: (model, the keys of its outputs)
    "FCN-32s": (fcn.FCN(stride=32, **FCN), ["logits"]),
    "FCN-16s": (fcn.FCN(stride=16, **FCN), ["logits"]),
    "FCN-8s": (fcn.FCN(scales=(0.01, 0.0001), **FCN), ["logits"]),
    "DilatedFCN": (
        fcn.DilatedFCN(convs=2, concat_input=True, aux_features=4, **RESNET),
        ["aux", "logits"],
    ),
    "UNet": (unet.UNet(CLASSES, features=(4, 4, 8)), ["logits"]),
    "PSPNet": (pspnet.PSPNet(aux_features=4, **RESNET), ["aux", "logits"]),
    "DeepLabV3": (
        deeplab_v3.DeepLabV3(aux_features=4, head_convs=1, **RESNET),
        ["aux", "logits"],
    ),
    "DeepLabV3-MobileNetV2": (
        deeplab_v3.DeepLabV3(
            CLASSES, mobilenet.MobileNetV2(16, width=0.1), features=4
        ),
        ["logits"],
    ),
    "DeepLabV3Plus": (
        deeplab_v3plus.DeepLabV3Plus(low_level_features=2, **RESNET),
        ["logits"],
    ),
    "DeepLabV3Plus-aux": (
        deeplab_v3plus.DeepLabV3Plus(
            separable=False, aux_features=4, low_level_features=2, **RESNET
        ),
        ["aux", "logits"],
    ),
}

NOT_CLASS_MAPS: tuple[str, ...] = ()
"""Outputs of another shape than (n, h, w, classes); their tests say which."""
