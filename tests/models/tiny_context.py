"""Small networks of the atrous, pyramid and context family, and with CRFs."""

from flax import linen as nn

from segjax.backbones import (
    densenet,
    drn,
    mobilenet,
    vgg,
    xception,
    xception39,
)
from segjax.models import (
    bisenet,
    crf_rnn,
    deeplab_v1,
    deeplab_v2,
    deeplab_v3,
    deeplab_v3plus,
    denseaspp,
    dfn,
    dilated,
    dpn,
    encnet,
    hrnet,
    icnet,
    ocrnet,
    pspnet,
)
from tests.models.tiny_parts import (
    BISENET,
    CLASSES,
    DILATED,
    FCN,
    holed_vgg,
    RESNET,
    strided_resnet,
    tiny_hrnet,
    tiny_resnet,
)

MODELS = {
    "CRF-RNN": (
        crf_rnn.CRFRNN(train_iterations=1, test_iterations=2, **FCN),
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
}
