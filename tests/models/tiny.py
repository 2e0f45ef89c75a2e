"""One small network of every kind, for tests of what all models promise."""

from flax import linen as nn

from segjax import layers
from segjax.backbones import (
    alexnet,
    densenet,
    drn,
    mobilenet,
    resnet,
    vgg,
    xception,
    xception39,
)
from segjax.backbones import hrnet as branches
from segjax.models import (
    bisenet,
    crf_rnn,
    ddsc,
    deconvnet,
    deeplab_v1,
    deeplab_v2,
    deeplab_v3,
    deeplab_v3plus,
    denseaspp,
    dfn,
    dilated,
    dpn,
    encnet,
    exfuse,
    fc_densenet,
    fcn,
    frrn,
    gcn,
    hrnet,
    icnet,
    ocrnet,
    patch_cnn,
    pspnet,
    refinenet,
    segnet,
    unet,
)

CLASSES = 3


def tiny_resnet(**options):
  return resnet.ResNet(
      stage_sizes=(1, 1, 1, 1), width=4, output_stride=8, **options
  )


def strided_resnet():
  return resnet.ResNet(stage_sizes=(1, 1, 1, 1), width=4)


def tiny_vgg():
  return vgg.VGG((1,) * 5, width=2, first_padding=100, ceil_mode=True)


def tiny_switches(**options):
  return vgg.VGG(
      (1, 2, 1, 1, 1),
      width=4,
      norm=layers.BatchNorm,
      switches=True,
      **options,
  )


def tiny_hrnet(**options):
  return branches.HRNet(4, (1, 1, 1), 1, 1, **options)


def holed_vgg():
  return vgg.VGG(
      (1,) * 5, width=4, pool_size=3, ceil_mode=True, output_stride=8
  )


DILATED = {
    "backbone": vgg.VGG(
        (1,) * 5,
        width=4,
        first_padding=0,
        padding=False,
        ceil_mode=True,
        output_stride=8,
        dense_pools=False,
    ),
    "kernel_size": 1,
    "margin": 31,
    "features": 32,
}
RESNET = {"num_classes": CLASSES, "backbone": tiny_resnet(), "features": 4}
FCN = {"num_classes": CLASSES, "features": 4, "backbone": tiny_vgg()}
STRIDED = {"backbone": resnet.ResNet((1, 1, 1, 1), width=4)}
REFINENET = {"features": 8, "coarse_features": 12}
BISENET = {
    "spatial_features": (4, 4, 4, 8),
    "context_features": 8,
    "fusion_features": 16,
    "head_features": 8,
    "aux_features": 8,
}
MODELS = {
    # name: (model, the keys of its outputs)
    "FCN-32s": (fcn.FCN(stride=32, **FCN), ["logits"]),
    "FCN-16s": (fcn.FCN(stride=16, **FCN), ["logits"]),
    "FCN-8s": (fcn.FCN(scales=(0.01, 0.0001), **FCN), ["logits"]),
    "FCN-AlexNet": (
        fcn.FCNAlexNet(
            CLASSES,
            features=8,
            backbone=alexnet.AlexNet(
                convs=alexnet.TWO_TOWERS,
                first_padding=100,
                ceil_mode=True,
                lrn="after_pool",
                width=1 / 16,
            ),
        ),
        ["logits"],
    ),
    "FCN-AlexNet-8s": (
        fcn.FCNAlexNet(
            CLASSES,
            stride=8,
            features=8,
            backbone=alexnet.AlexNet(
                convs=alexnet.TWO_TOWERS,
                first_padding=100,
                ceil_mode=True,
                width=1 / 16,
            ),
        ),
        ["logits"],
    ),
    "DilatedFCN": (
        fcn.DilatedFCN(convs=2, concat_input=True, aux_features=4, **RESNET),
        ["aux", "logits"],
    ),
    "CRF-RNN": (
        crf_rnn.CRFRNN(train_iterations=2, test_iterations=2, **FCN),
        ["logits"],
    ),
    "DPN": (
        dpn.DPN(
            CLASSES,
            features=8,
            mixtures=2,
            context_size=3,
            window=4,
            backbone=vgg.VGG(
                (1,) * 5, width=4, output_stride=8, dense_pools=False
            ),
        ),
        ["logits"],
    ),
    "UNet": (unet.UNet(CLASSES, features=(4, 4, 8)), ["logits"]),
    "PatchCNN": (
        patch_cnn.PatchCNN(
            CLASSES, window=21, kernel_sizes=(4, 4), features=6, hidden=8
        ),
        ["logits"],
    ),
    "DeconvNet": (
        deconvnet.DeconvNet(
            CLASSES, features=16, window=2, backbone=tiny_switches()
        ),
        ["logits"],
    ),
    "SegNet": (
        segnet.SegNet(CLASSES, backbone=tiny_switches(ceil_mode=True)),
        ["logits"],
    ),
    "SegNetBasic": (segnet.SegNetBasic(CLASSES, 8, 3), ["logits"]),
    "SegNetBasic-variants": (
        segnet.SegNetBasic(
            CLASSES,
            8,
            3,
            use_bias=True,
            single_channel_decoder=True,
            encoder_addition=True,
        ),
        ["logits"],
    ),
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
    "DenseASPP": (
        denseaspp.DenseASPP(
            CLASSES,
            densenet.DenseNet(
                (1, 1, 1, 1),
                8,
                8,
                output_stride=8,
                pool_dilated=False,
                norm_last=False,
            ),
            rates=(1, 2, 3),
            inner_features=8,
            features=4,
        ),
        ["logits"],
    ),
    "EncNet": (
        encnet.EncNet(num_codes=4, **RESNET | {"features": 8}),
        ["logits", "presence", "presence_stage3"],
    ),
    "EncNet-aux": (
        encnet.EncNet(
            num_codes=4,
            aggregate="mean",
            residual=True,
            stage3=False,
            lateral=True,
            aux_features=4,
            **RESNET | {"features": 8},
        ),
        ["aux", "logits", "presence"],
    ),
    "ICNet": (
        icnet.ICNet(
            CLASSES,
            icnet.CascadeResNet((1, 2, 1, 1), width=4, deep_stem=(4, 4, 8)),
            low_features=8,
            high_features=(4, 4, 8),
            features=8,
        ),
        ["logits", "low", "medium"],
    ),
    "ICNet-mmseg": (
        icnet.ICNet(
            CLASSES,
            icnet.CascadeResNet(
                (1, 1, 1, 1), width=4, ceil_mode=True, align_corners=False
            ),
            pyramid_features=4,
            low_features=8,
            medium_features=4,
            high_features=(4, 4, 8),
            features=8,
            fusion_act=nn.relu,
            head_features=8,
            align_corners=False,
        ),
        ["logits", "low", "medium"],
    ),
    "HRNetV1": (
        hrnet.HRNetV1(CLASSES, tiny_hrnet(multi_scale=False)),
        ["logits"],
    ),
    "HRNetV2": (
        hrnet.HRNetV2(
            CLASSES, tiny_hrnet(fusion="bilinear", resize_twice=True)
        ),
        ["logits"],
    ),
    "OCRNet": (
        ocrnet.OCRNet(key_features=4, **RESNET | {"features": 8}),
        ["logits", "soft_regions"],
    ),
    "OCRNet-HRNet": (
        ocrnet.OCRNet(
            CLASSES,
            tiny_hrnet(fusion="bilinear"),
            features=8,
            key_features=4,
            key_size=2,
            scaled=True,
            region_features=8,
            region_kernel_size=1,
        ),
        ["logits", "soft_regions"],
    ),
    "DeepLabV3Plus-Xception": (
        deeplab_v3plus.DeepLabV3Plus(
            CLASSES,
            xception.AlignedXception(middle=1, output_stride=16, width=2),
            features=8,
            low_level="low_level",
            low_level_features=2,
        ),
        ["logits"],
    ),
    "DeepLabV3Cascade": (
        deeplab_v3.DeepLabV3Cascade(CLASSES, tiny_resnet(), width=4),
        ["logits"],
    ),
    "DeepLabV1": (
        deeplab_v1.DeepLabV1(CLASSES, features=32, backbone=holed_vgg()),
        ["logits"],
    ),
    "DeepLabV1-MSc": (
        deeplab_v1.DeepLabV1(
            CLASSES,
            kernel_size=4,
            rate=4,
            features=16,
            multi_scale=True,
            multi_scale_features=4,
            backbone=holed_vgg(),
        ),
        ["logits"],
    ),
    "DeepLabV2": (
        deeplab_v2.DeepLabV2(
            CLASSES,
            tiny_resnet(contract_dilation=False),
            scales=(1.0, 0.5),
        ),
        ["logits", "scale100", "scale50"],
    ),
    "DeepLabV2-VGG": (
        deeplab_v2.DeepLabV2(
            CLASSES,
            holed_vgg(),
            rates=deeplab_v2.ASPP_S,
            features=8,
            scales=(1.0,),
            align_corners=False,
        ),
        ["logits"],
    ),
    "DilatedNet": (
        dilated.DilatedNet(CLASSES, **DILATED),
        ["frontend", "logits"],
    ),
    "DilatedNet-basic": (
        dilated.DilatedNet(
            CLASSES,
            context="basic",
            rates=(1, 1, 2, 4, 1),
            pad_each=True,
            **DILATED,
        ),
        ["frontend", "logits"],
    ),
    "DilatedNet-front-end": (
        dilated.DilatedNet(CLASSES, context=None, **DILATED),
        ["logits"],
    ),
    "DRNSeg": (
        dilated.DRNSeg(CLASSES, drn.DRN((1,) * 8, width=4)),
        ["logits"],
    ),
    "DRNSeg-C": (
        dilated.DRNSeg(CLASSES, drn.DRN((1,) * 8, arch="C", width=4)),
        ["logits"],
    ),
    "FRRN": (
        frrn.FRRN(CLASSES, ((1, 8), (2, 8)), ((1, 8),), features=8, lanes=4),
        ["logits"],
    ),
    "FC-DenseNet": (
        fc_densenet.FCDenseNet(CLASSES, 4, (1, 2), 2, features=4),
        ["logits"],
    ),
    "RefineNet-single": (
        refinenet.RefineNet(CLASSES, cascade=1, **STRIDED, **REFINENET),
        ["logits"],
    ),
    "RefineNet": (
        refinenet.RefineNet(CLASSES, **STRIDED, **REFINENET),
        ["logits"],
    ),
    "RefineNet-2-cascaded": (
        refinenet.RefineNet(CLASSES, cascade=2, **STRIDED, **REFINENET),
        ["logits"],
    ),
    "LightWeightRefineNet": (
        refinenet.LightWeightRefineNet(CLASSES, **STRIDED, **REFINENET),
        ["logits"],
    ),
    "GCN": (gcn.GCN(CLASSES, kernel_size=5, **STRIDED), ["logits"]),
    "GCN-bilinear": (
        gcn.GCN(CLASSES, kernel_size=5, up="bilinear", **STRIDED),
        ["logits"],
    ),
    "GCN-ResNetGCN": (
        gcn.GCN(
            CLASSES,
            gcn.ResNetGCN((1, 1, 1, 1), width=4, widths=(0, 0, 4, 4)),
            kernel_size=5,
        ),
        ["logits"],
    ),
    "DFN": (
        dfn.DFN(CLASSES, strided_resnet(), features=8, border_features=4),
        [
            *("border", "border0", "border1", "border2", "logits"),
            *("smooth0", "smooth1", "smooth2"),
        ],
    ),
    "BiSeNet-ResNet": (
        bisenet.BiSeNet(CLASSES, strided_resnet(), **BISENET),
        ["aux16", "aux32", "logits"],
    ),
    "BiSeNet-Xception39": (
        bisenet.BiSeNet(
            CLASSES,
            xception39.Xception39((1, 1, 1), width=4),
            normed_attention=True,
            up="nearest",
            align_corners=False,
            **BISENET,
        ),
        ["aux16", "aux32", "logits"],
    ),
    "DDSC": (
        ddsc.DDSC(
            CLASSES,
            strided_resnet(),
            features=(16, 8, 8, 8),
            adapt_blocks=1,
            blocks=1,
            groups=2,
        ),
        ["logits"],
    ),
    "ExFuse": (
        exfuse.ExFuse(
            CLASSES, strided_resnet(), kernel_size=3, supervised_features=4
        ),
        ["ecre", "logits"],
    ),
}

NOT_CLASS_MAPS: tuple[str, ...] = (
    "border",
    "border0",
    "border1",
    "border2",
    "presence",
    "presence_stage3",
)
"""Outputs of another shape than (n, h, w, classes); their tests say which."""
