"""The names that `convert.load` knows, and the sizes of their networks."""

import jax
import numpy as np
import pytest

from segjax import convert
from segjax.convert import engine
from tests.convert import golden

RESNET_FC = {512: 513_000, 2048: 2_049_000}
VGG_FC = 25_088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
MOBILENET_FC = 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000

PARAMETERS = {
    # source: (classes, the reference's parameters without its classifier)
    "jvanvugt/unet_valid": (2, 31_030_658),
    "milesial/unet": (2, 31_037_698),
    "milesial/unet_bilinear": (2, 17_263_042),
    "mmseg/deeplabv3_r101-d16-mg124": (19, 87_105_158),
    "mmseg/deeplabv3_r101-d8": (21, 87_106_698),
    "mmseg/deeplabv3_r50-d8": (21, 68_114_570),
    "mmseg/deeplabv3plus_r101-d16-mg124": (19, 62_582_006),
    "mmseg/deeplabv3plus_r101-d8": (21, 62_583_546),
    "mmseg/deeplabv3plus_r18-d8": (19, 12_468_962),
    "mmseg/deeplabv3plus_r50-d8": (21, 43_591_418),
    "mmseg/fcn_r50-d8": (21, 49_499_274),
    "mmseg/fcn_r50b-d8": (19, 49_478_502),
    "mmseg/pspnet_r101-d8": (19, 67_967_622),
    "mmseg/pspnet_r18-d8": (19, 12_790_086),
    "mmseg/pspnet_r50-d8": (150, 49_076_364),
    "mmseg/unet_s5-d16_fcn": (19, 29_062_886),
    "semseg/pspnet101": (19, 68_072_166),
    "semseg/pspnet50": (150, 49_180_908),
    "timm/resnet101c": (0, 44_568_392 - RESNET_FC[2048]),
    "timm/resnet101d": (0, 44_568_392 - RESNET_FC[2048]),
    "timm/resnet50c": (0, 25_576_264 - RESNET_FC[2048]),
    "timm/resnet50d": (0, 25_576_264 - RESNET_FC[2048]),
    "torchvision/deeplabv3_resnet101": (21, 60_996_202),
    "torchvision/deeplabv3_resnet50": (21, 42_004_074),
    "torchvision/fcn_resnet101": (21, 54_314_346),
    "torchvision/fcn_resnet50": (21, 35_322_218),
    "torchvision/mobilenet_v2": (0, 3_504_872 - MOBILENET_FC),
    "torchvision/resnet101": (0, 44_549_160 - RESNET_FC[2048]),
    "torchvision/resnet152": (0, 60_192_808 - RESNET_FC[2048]),
    "torchvision/resnet18": (0, 11_689_512 - RESNET_FC[512]),
    "torchvision/resnet34": (0, 21_797_672 - RESNET_FC[512]),
    "torchvision/resnet50": (0, 25_557_032 - RESNET_FC[2048]),
    "torchvision/resnext50_32x4d": (0, 25_028_904 - RESNET_FC[2048]),
    "torchvision/vgg16": (0, 138_357_544 - VGG_FC),
    "torchvision/vgg16_bn": (0, 138_365_992 - VGG_FC),
    "torchvision/vgg19": (0, 143_667_240 - VGG_FC),
    "torchvision/vgg19_bn": (0, 143_678_248 - VGG_FC),
    "vainf/deeplabv3plus_resnet101": (21, 58_753_973),
    "vainf/deeplabv3plus_resnet50": (21, 39_761_845),
    "wkentaro/fcn16s_vgg16": (21, 134_815_994),
    "wkentaro/fcn32s_vgg16": (21, 136_152_917),
    "wkentaro/fcn8s-atonce_vgg16": (21, 134_489_759),
    "wkentaro/fcn8s_vgg16": (21, 134_489_759),
}


def test_every_source_has_its_count():
  assert convert.sources() == sorted(PARAMETERS)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_the_network_is_as_large_as_the_reference(name):
  """Our leaves add up to the reference's parameters, without computing."""
  classes, want = PARAMETERS[name]
  channels = 1 if name == "jvanvugt/unet_valid" else 3
  _, variables = engine.structure(convert.source(name), classes, channels)
  assert sum(x.size for x in jax.tree.leaves(variables["params"])) == want


def test_every_golden_file_has_its_source():
  """A golden file that no source reads would never be compared."""
  names = {golden.load(path).source for path in golden.files()}
  assert names <= set(convert.sources())


def test_unknown_sources_are_answered_with_the_known_ones():
  with pytest.raises(ValueError, match=r"pspnet_r51.*mmseg/pspnet_r50-d8"):
    convert.load("mmseg/pspnet_r51", {})


def checkpoint(name, classes):
  """Zeros under a reference's names, with another number of classes."""
  reference = golden.load(golden.FOLDER / f"{name.replace('/', '__')}.npz")
  tensors = {k: np.zeros_like(v) for k, v in reference.tensors().items()}
  for key in ("outc.conv.weight", "outc.conv.bias"):
    tensors[key] = np.zeros((classes, *tensors[key].shape[1:]), np.float32)
  return tensors


@pytest.mark.parametrize("classes", (1, 7))
def test_the_number_of_classes_is_read_off_the_tensors(classes):
  model, variables = convert.load(
      "milesial/unet", checkpoint("milesial/unet", classes)
  )
  assert model.num_classes == classes
  assert variables["params"]["head"]["kernel"].shape[-1] == classes


def test_what_is_wrapped_around_a_checkpoint_is_removed():
  tensors = checkpoint("milesial/unet", 2)
  wrapped = {
      "epoch": 3,
      "state_dict": {f"module.{k}": v for k, v in tensors.items()},
  }
  _, want = convert.load("milesial/unet", tensors)
  _, got = convert.load("milesial/unet", wrapped)
  assert jax.tree.all(jax.tree.map(np.array_equal, got, want))


def test_errors_name_the_source():
  tensors = checkpoint("milesial/unet", 2)
  del tensors["inc.double_conv.1.bias"]
  with pytest.raises(ValueError, match=r"milesial/unet: .*down1/conv1/norm"):
    convert.load("milesial/unet", tensors)
