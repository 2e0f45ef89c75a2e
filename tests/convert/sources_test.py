"""The names that `convert.load` knows, and the sizes of their networks."""

import itertools
import re

import jax
import numpy as np
import pytest

from segjax import convert
from segjax.convert import engine
from tests.convert import golden


def fc(*widths):
  """The parameters of linear layers with biases, one after the other."""
  return sum(i * o + o for i, o in itertools.pairwise(widths))


def hrnet_head(width):
  """Of HRNet's classifier: bottlenecks, strided and 1x1 convolutions."""
  total = fc(2048, 1000) + 1024 * 2048 + 3 * 2048
  for i in range(4):
    inputs, inner, outputs = width << i, 32 << i, 128 << i
    total += inputs * inner + 9 * inner**2 + inner * outputs + 4 * inner
    total += inputs * outputs + 4 * outputs
    if i < 3:
      total += 9 * outputs * 2 * outputs + 3 * 2 * outputs
  return total


DRN_SEG = fc(512, 19) + 19 * 16**2
"""What a DRN for segmentation has in place of its classifier."""

PARAMETERS = {
    # source: (classes, the reference's parameters without its classifier)
    "bfortuner/fc-densenet103": (12, 9_322_348),
    "bfortuner/fc-densenet56": (12, 1_376_988),
    "bfortuner/fc-densenet67": (12, 3_463_532),
    "cadene/nasnetalarge": (0, 88_753_150 - fc(4032, 1000)),
    "cadene/nasnetamobile": (0, 5_289_978 - fc(1056, 1000)),
    "caffe/bvlc_reference_caffenet": (
        0,
        60_965_224 - fc(9216, 4096, 4096, 1000),
    ),
    "caffe/deconvnet_voc": (21, 251_805_653),
    # With its upscoring kernel; the paper's 57 M are without.
    "caffe/fcn_alexnet_voc": (21, 58_704_590),
    "caffe/segnet_basic_camvid": (11, 1_416_587),
    "caffe/segnet_pascal": (21, 29_455_125),
    "cadene/xception": (0, 22_855_952 - fc(2048, 1000)),
    "drsleep/lw-refinenet_r101": (21, 46_349_653),
    "drsleep/lw-refinenet_r152": (21, 61_993_301),
    "drsleep/lw-refinenet_r50": (21, 27_357_525),
    "drsleep/refinenet_r101": (21, 118_052_437),
    "caffe/deeplab_largefov_voc": (21, 20_505_429),
    # Its fixed interpolation is no part of ours.
    "caffe/dilation10_cityscapes": (19, 134_373_043 - 19 * 16**2),
    "caffe/dilation7_kitti": (11, 134_312_343),
    "caffe/dilation8_camvid": (11, 134_313_443),
    "caffe/dilation8_voc": (21, 141_149_720),
    "fyu/drn_c_26": (19, 20_628_195),
    "fyu/drn_c_42": (19, 31_234_744 - fc(512, 1000) + DRN_SEG),
    "fyu/drn_c_58": (
        19,
        41_591_608 - fc(512, 1000) - 2048 * 512 - 2 * 512 + DRN_SEG,
    ),
    "fyu/drn_d_105": (19, 54_302_915),
    "fyu/drn_d_22": (19, 15_895_363),
    "fyu/drn_d_38": (19, 26_003_523),
    "fyu/drn_d_54": (19, 35_310_787),
    "fyu/drn_c_26_cls": (0, 21_126_584 - fc(512, 1000)),
    "fyu/drn_c_42_cls": (0, 31_234_744 - fc(512, 1000)),
    # It keeps a projection that its forward pass never adds.
    "fyu/drn_c_58_cls": (0, 41_591_608 - fc(512, 1000) - 2048 * 512 - 2 * 512),
    "fyu/drn_d_105_cls": (0, 54_801_304 - fc(512, 1000)),
    "fyu/drn_d_22_cls": (0, 16_393_752 - fc(512, 1000)),
    "fyu/drn_d_38_cls": (0, 26_501_912 - fc(512, 1000)),
    "fyu/drn_d_54_cls": (0, 35_809_176 - fc(512, 1000)),
    "deepmotion/denseaspp121": (19, 8_280_851),
    "deepmotion/denseaspp161": (19, 35_395_427),
    "deepmotion/denseaspp169": (19, 18_420_675),
    "deepmotion/denseaspp201": (19, 28_639_987),
    "encoding/encnet_resnet101s_ade": (150, 55_156_706),
    # ResNet-101 has 18,992,128 more than ResNet-50.
    "encoding/encnet_resnet101s_pcontext": (59, 43_915_217 + 18_992_128),
    "encoding/encnet_resnet50s_ade": (150, 55_156_706 - 18_992_128),
    "encoding/encnet_resnet50s_pcontext": (59, 43_915_217),
    "hrnet/hrnet_w18_cls": (0, 21_299_004 - hrnet_head(18)),
    "hrnet/hrnet_w32_cls": (0, 41_232_680 - hrnet_head(32)),
    "hrnet/hrnet_w48_cls": (0, 77_469_864 - hrnet_head(48)),
    "hrnet/hrnetv1_w32": (17, 28_536_113),
    "hrnet/hrnetv1_w48": (17, 63_595_745),
    "hrnet/hrnetv2p_w18": (0, 12_582_036),
    "hrnet/hrnetv2p_w32": (0, 32_379_072),
    "jvanvugt/unet_valid": (2, 31_030_658),
    "kazuto1011/deeplab_v2_r101_msc": (21, 44_048_532),
    "milesial/unet": (2, 31_037_698),
    "milesial/unet_bilinear": (2, 17_263_042),
    "mmseg/bisenetv1_r18": (19, 13_425_721),
    "mmseg/bisenetv1_r50": (19, 59_243_385),
    "mmseg/deeplabv3_r101-d16-mg124": (19, 87_105_158),
    "mmseg/deeplabv3_r101-d8": (21, 87_106_698),
    "mmseg/deeplabv3_r50-d8": (21, 68_114_570),
    "mmseg/deeplabv3plus_r101-d16-mg124": (19, 62_582_006),
    "mmseg/deeplabv3plus_r101-d8": (21, 62_583_546),
    "mmseg/deeplabv3plus_r18-d8": (19, 12_468_962),
    "mmseg/deeplabv3plus_r50-d8": (21, 43_591_418),
    "mmseg/encnet_r101-d8": (19, 54_884_089),
    "mmseg/encnet_r50-d8": (150, 36_060_034),
    "mmseg/fcn_hr18": (19, 9_640_849),
    "mmseg/fcn_hr18s": (19, 3_939_309),
    "mmseg/fcn_hr48": (19, 65_858_659),
    "mmseg/fcn_r50-d8": (21, 49_499_274),
    "mmseg/fcn_r50b-d8": (19, 49_478_502),
    "mmseg/icnet_r18-d8": (19, 25_174_393),
    "mmseg/icnet_r50-d8": (19, 47_827_833),
    "mmseg/ocrnet_hr18": (19, 12_080_036),
    "mmseg/ocrnet_hr48": (19, 70_371_446),
    "mmseg/ocrnet_r101-d8": (19, 55_516_294),
    "mmseg/pspnet_r101-d8": (19, 67_967_622),
    "mmseg/pspnet_r18-d8": (19, 12_790_086),
    "mmseg/pspnet_r50-d8": (150, 49_076_364),
    "mmseg/unet_s5-d16_fcn": (19, 29_062_886),
    "sadeepj/crfasrnn": (21, 134_491_103),
    "segmentron/deeplabv3plus_xception65": (19, 41_054_899),
    "semseg/pspnet101": (19, 68_072_166),
    "semseg/pspnet50": (150, 49_180_908),
    "tensorflow/deeplabv3plus_xception41": (21, 28_108_661),
    "tensorflow/deeplabv3plus_xception65": (21, 41_055_413),
    "tensorflow/deeplabv3plus_xception71": (21, 43_477_837),
    # With BatchNorm folded: a kernel and a bias for each convolution.
    "tflite/deeplabv3_257_mv_gpu": (21, 688_357),
    "tflite/deeplabv3_mnv2_pascal_quant": (21, 2_097_013),
    "timm/mobilenetv1_100": (0, 4_231_976 - fc(1024, 1000)),
    "timm/resnet101c": (0, 44_568_392 - fc(2048, 1000)),
    "timm/resnet101d": (0, 44_568_392 - fc(2048, 1000)),
    "timm/resnet50c": (0, 25_576_264 - fc(2048, 1000)),
    "timm/resnet50d": (0, 25_576_264 - fc(2048, 1000)),
    "timm/xception41": (0, 26_969_560 - fc(2048, 1000)),
    "timm/xception65": (0, 39_916_312 - fc(2048, 1000)),
    "timm/xception71": (0, 42_338_736 - fc(2048, 1000)),
    "tobypde/frrn_a": (19, 17_746_803),
    "tobypde/frrn_b": (19, 24_755_699),
    "torchseg/bisenet_r101": (19, 48_239_417),
    "torchseg/bisenet_r18": (19, 13_494_777),
    "torchseg/bisenet_x39": (19, 1_842_289),
    # Both keep a border block that is never called: 21 channels throughout.
    "torchseg/dfn_r101_cityscapes": (19, 90_217_888 - 19 * 21**2 - 2 * 21),
    "torchseg/dfn_r101_voc": (21, 90_724_344 - 19 * 21**2 - 2 * 21),
    "torchvision/alexnet": (0, 61_100_840 - fc(9216, 4096, 4096, 1000)),
    "torchvision/deeplabv3_mobilenet_v3_large": (21, 11_029_328),
    "torchvision/deeplabv3_resnet101": (21, 60_996_202),
    "torchvision/deeplabv3_resnet50": (21, 42_004_074),
    "torchvision/densenet121": (0, 7_978_856 - fc(1024, 1000)),
    "torchvision/densenet161": (0, 28_681_000 - fc(2208, 1000)),
    "torchvision/densenet169": (0, 14_149_480 - fc(1664, 1000)),
    "torchvision/densenet201": (0, 20_013_928 - fc(1920, 1000)),
    "torchvision/fcn_resnet101": (21, 54_314_346),
    "torchvision/fcn_resnet50": (21, 35_322_218),
    # Torchvision states it without the auxiliary classifiers.
    "torchvision/googlenet": (0, 6_624_904 - fc(1024, 1000)),
    "torchvision/mobilenet_v2": (
        0,
        3_504_872 - 320 * 1280 - 2 * 1280 - fc(1280, 1000),
    ),
    "torchvision/mobilenet_v3_large": (0, 5_483_032 - fc(960, 1280, 1000)),
    "torchvision/mobilenet_v3_small": (0, 2_542_856 - fc(576, 1024, 1000)),
    "torchvision/resnet101": (0, 44_549_160 - fc(2048, 1000)),
    "torchvision/resnet152": (0, 60_192_808 - fc(2048, 1000)),
    "torchvision/resnet18": (0, 11_689_512 - fc(512, 1000)),
    "torchvision/resnet34": (0, 21_797_672 - fc(512, 1000)),
    "torchvision/resnet50": (0, 25_557_032 - fc(2048, 1000)),
    "torchvision/resnext50_32x4d": (0, 25_028_904 - fc(2048, 1000)),
    "torchvision/vgg16": (0, 138_357_544 - fc(25_088, 4096, 4096, 1000)),
    "torchvision/vgg16_bn": (0, 138_365_992 - fc(25_088, 4096, 4096, 1000)),
    "torchvision/vgg19": (0, 143_667_240 - fc(25_088, 4096, 4096, 1000)),
    "torchvision/vgg19_bn": (0, 143_678_248 - fc(25_088, 4096, 4096, 1000)),
    "vainf/deeplabv3plus_resnet101": (21, 58_753_973),
    "vainf/deeplabv3plus_resnet50": (21, 39_761_845),
    "wkentaro/fcn16s_vgg16": (21, 134_815_994),
    "wkentaro/fcn32s_vgg16": (21, 136_152_917),
    "wkentaro/fcn8s-atonce_vgg16": (21, 134_489_759),
    "wkentaro/fcn8s_vgg16": (21, 134_489_759),
    "zijundeng/gcn_r152": (21, 59_369_620),
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
  for key in {"outc.conv.weight", "outc.conv.bias"} & set(tensors):
    tensors[key] = np.zeros((classes, *tensors[key].shape[1:]), np.float32)
  return tensors


def test_densenet_s_published_names_have_more_dots():
  """norm.1 in the files of 2017 is norm1 in the library of today."""
  name, old = "torchvision/densenet121", re.compile(r"(norm|conv)([12])\.")
  tensors = checkpoint(name, 0)
  published = {
      old.sub(r"\1.\2.", k) if "denselayer" in k else k: v
      for k, v in tensors.items()
  }
  assert len(set(published) - set(tensors)) > 500
  _, want = convert.load(name, tensors)
  _, got = convert.load(name, published)
  assert jax.tree.structure(got) == jax.tree.structure(want)


def test_what_a_backbone_does_not_have_is_dropped_by_name():
  """Classifiers and GoogLeNet's auxiliary ones; anything else is an error."""
  tensors = checkpoint("torchvision/googlenet", 0)
  assert any(name.startswith("aux1.") for name in tensors)
  _, variables = convert.load("torchvision/googlenet", tensors)
  assert not {"aux1", "aux2", "fc"} & set(variables["params"])
  tensors["inception6a.conv.weight"] = np.zeros((1, 1, 1, 1), np.float32)
  with pytest.raises(ValueError, match="inception6a"):
    convert.load("torchvision/googlenet", tensors)


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
