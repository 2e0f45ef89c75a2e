"""Small backbones and widths that the small networks share."""

from segjax import layers
from segjax.backbones import hrnet as branches
from segjax.backbones import resnet, vgg

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
