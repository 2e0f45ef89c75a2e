"""Small networks of the FCN and encoder-decoder family."""

from segjax import layers
from segjax.backbones import alexnet
from segjax.models import (
    ddsc,
    deconvnet,
    exfuse,
    fc_densenet,
    fcn,
    frrn,
    gcn,
    patch_cnn,
    refinenet,
    segnet,
    unet,
)
from tests.models.tiny_parts import (
    CLASSES,
    FCN,
    REFINENET,
    RESNET,
    STRIDED,
    strided_resnet,
    tiny_switches,
)

MODELS = {
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
    "UNet": (unet.UNet(CLASSES, features=(4, 4, 8)), ["logits"]),
    "UNet-same": (
        unet.UNet(
            CLASSES,
            (4, 4, 8),
            "same",
            fcn_head=True,
            norm=layers.BatchNorm,
        ),
        ["aux", "logits"],
    ),
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
