"""Where the official checkpoint files are."""

_PYTORCH = "https://download.pytorch.org/models/"
_TIMM = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/"
_GLUON = "https://github.com/rwightman/pytorch-pretrained-gluonresnet/releases/download/v0.1/"
_CADENE = "http://data.lip6.fr/cadene/pretrainedmodels/"
_DRN = "http://dl.yf.io/drn/"

URLS = {
    # torchvision's IMAGENET1K_V1.
    "torchvision/alexnet": _PYTORCH + "alexnet-owt-7be5be79.pth",
    "torchvision/densenet121": _PYTORCH + "densenet121-a639ec97.pth",
    "torchvision/densenet161": _PYTORCH + "densenet161-8d451a50.pth",
    "torchvision/densenet169": _PYTORCH + "densenet169-b2777c0a.pth",
    "torchvision/densenet201": _PYTORCH + "densenet201-c1103571.pth",
    "torchvision/googlenet": _PYTORCH + "googlenet-1378be20.pth",
    "torchvision/mobilenet_v2": _PYTORCH + "mobilenet_v2-b0353104.pth",
    "torchvision/mobilenet_v3_large": _PYTORCH
    + "mobilenet_v3_large-8738ca79.pth",
    "torchvision/mobilenet_v3_small": _PYTORCH
    + "mobilenet_v3_small-047dcff4.pth",
    "torchvision/resnet18": _PYTORCH + "resnet18-f37072fd.pth",
    "torchvision/resnet34": _PYTORCH + "resnet34-b627a593.pth",
    "torchvision/resnet50": _PYTORCH + "resnet50-0676ba61.pth",
    "torchvision/resnet101": _PYTORCH + "resnet101-63fe2227.pth",
    "torchvision/resnet152": _PYTORCH + "resnet152-394f9c45.pth",
    "torchvision/resnext50_32x4d": _PYTORCH + "resnext50_32x4d-7cdf4587.pth",
    "torchvision/vgg16": _PYTORCH + "vgg16-397923af.pth",
    "torchvision/vgg16_bn": _PYTORCH + "vgg16_bn-6c64b313.pth",
    "torchvision/vgg19": _PYTORCH + "vgg19-dcbb9e9d.pth",
    "torchvision/vgg19_bn": _PYTORCH + "vgg19_bn-c79401a0.pth",
    # torchvision's COCO_WITH_VOC_LABELS_V1.
    "torchvision/deeplabv3_mobilenet_v3_large": _PYTORCH
    + "deeplabv3_mobilenet_v3_large-fc3c493d.pth",
    "torchvision/deeplabv3_resnet50": _PYTORCH
    + "deeplabv3_resnet50_coco-cd0a2569.pth",
    "torchvision/deeplabv3_resnet101": _PYTORCH
    + "deeplabv3_resnet101_coco-586e9e4e.pth",
    "torchvision/fcn_resnet50": _PYTORCH + "fcn_resnet50_coco-1167a1af.pth",
    "torchvision/fcn_resnet101": _PYTORCH + "fcn_resnet101_coco-7ecb50ca.pth",
    # timm: C from Gluon, D trained there, Xception from TensorFlow's DeepLab.
    "timm/resnet50c": _GLUON + "gluon_resnet50_v1c-48092f55.pth",
    "timm/resnet101c": _GLUON + "gluon_resnet101_v1c-1f26822a.pth",
    "timm/resnet50d": _TIMM + "resnet50d_ra2-464e36ba.pth",
    "timm/resnet101d": _TIMM + "resnet101d_ra2-2803ffab.pth",
    "timm/xception41": _TIMM + "tf_xception_41-e6439c97.pth",
    "timm/xception65": _TIMM + "tf_xception_65-c9ae96e8.pth",
    "timm/xception71": _TIMM + "tf_xception_71-8eec7df1.pth",
    "cadene/nasnetalarge": _CADENE + "nasnetalarge-a1897284.pth",
    "cadene/nasnetamobile": _CADENE + "nasnetamobile-7e03cead.pth",
    "cadene/xception": _CADENE + "xception-43020ad28.pth",
    "fyu/drn_c_26_cls": _DRN + "drn_c_26-ddedf421.pth",
    "fyu/drn_c_42_cls": _DRN + "drn_c_42-9d336e8c.pth",
    "fyu/drn_c_58_cls": _DRN + "drn_c_58-0a53a92c.pth",
    "fyu/drn_d_22_cls": _DRN + "drn_d_22-4bd2f8ea.pth",
    "fyu/drn_d_38_cls": _DRN + "drn_d_38-eebb45f0.pth",
    "fyu/drn_d_54_cls": _DRN + "drn_d_54-0e0534ff.pth",
    "fyu/drn_d_105_cls": _DRN + "drn_d_105-12b40979.pth",
}
"""Source -> the file that its authors publish; its name has the SHA-256."""

HOMES = {
    "bfortuner": "github.com/bfortuner/pytorch_tiramisu",
    "cadene": "github.com/Cadene/pretrained-models.pytorch",
    "caffe": "the model zoo of BVLC/caffe and the authors' pages",
    "deepmotion": "github.com/DeepMotionAIResearch/DenseASPP",
    "drsleep": "github.com/DrSleep/light-weight-refinenet",
    "encoding": "github.com/zhanghang1989/PyTorch-Encoding",
    "fyu": "github.com/fyu/drn",
    "hrnet": "github.com/HRNet",
    "jvanvugt": "github.com/jvanvugt/pytorch-unet",
    "kazuto1011": "github.com/kazuto1011/deeplab-pytorch",
    "milesial": "the releases of github.com/milesial/Pytorch-UNet",
    "mmseg": "the model zoo of github.com/open-mmlab/mmsegmentation",
    "sadeepj": "github.com/sadeepj/crfasrnn_pytorch",
    "segmentron": "github.com/LikeLy-Journey/SegmenTron",
    "semseg": "github.com/hszhao/semseg",
    "tensorflow": "the model zoo of DeepLab in github.com/tensorflow/models",
    "tflite": "the hosted models of TensorFlow Lite",
    "timm": "huggingface.co/timm",
    "tobypde": "github.com/TobyPDE/FRRN",
    "torchseg": "github.com/ycszen/TorchSeg",
    "torchvision": "docs.pytorch.org/vision/stable/models.html",
    "vainf": "github.com/VainF/DeepLabV3Plus-Pytorch",
    "wkentaro": "github.com/wkentaro/pytorch-fcn",
    "zijundeng": "github.com/zijundeng/pytorch-semantic-segmentation",
}
"""What stands before the slash in a source's name -> who publishes its files."""


def find(source: str) -> str:
  """The URL of a source's official file.

  Raises:
    ValueError: none is known; the message says where to look.
  """
  if source in URLS:
    return URLS[source]
  home = HOMES.get(source.partition("/")[0], "its authors' pages")
  raise ValueError(
      f"no file of {source!r} can be downloaded by itself; get one from {home}"
  )
