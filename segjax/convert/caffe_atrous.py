"""The authors' Caffe nets of DeepLab and of Yu and Koltun's dilations.

Layers read in deploy21.prototxt of DeepLab-LargeFOV and in fyu/dilation,
models. Both see BGR images of 0 to 255 minus their mean.
"""

from segjax.convert import engine
from segjax.models import deeplab_v1, dilated

_VGG = (r"conv(\d_\d)", r"backbone/conv\1/conv")

_LARGE_FOV = (
    _VGG,
    ("(fc[67])", r"\1"),
    # It is named after the data set.
    (r"fc8_.*", "classifier"),
)


def _dilation(final, prefix, rates, **options):
  """A net whose context layers are `prefix`conv1_1, 1_2, 2_1 and so on."""
  names = ["conv1_1", "conv1_2"]
  names += [f"conv{i}_1" for i in range(2, len(rates) - 1)] + ["fc1"]
  table = (
      _VGG,
      ("(fc[67])", r"\1"),
      (final, "frontend"),
      *(
          (prefix + name, f"context/conv{i}")
          for i, name in enumerate(names, start=1)
      ),
      (prefix + "final", "context/final"),
      # The fixed interpolation of the Cityscapes net.
      (prefix + "upsample", None),
  )

  def build(classes):
    return dilated.DilatedNet(classes, rates=rates, margin=0, **options)

  return engine.Source(
      build, table, f"{prefix}final.weight", "conv1_1.weight", size=396
  )


def _basic(rates):
  return _dilation("final", "ctx_", rates, context="basic", pad_each=True)


SOURCES = {
    "caffe/deeplab_largefov_voc": engine.Source(
        deeplab_v1.DeepLabV1,
        _LARGE_FOV,
        "fc8_exper/voc12.weight",
        "conv1_1.weight",
    ),
    "caffe/dilation8_voc": _dilation("fc-final", "ct_", dilated.RATES),
    "caffe/dilation8_camvid": _basic(dilated.RATES),
    "caffe/dilation7_kitti": _basic((1, 1, 2, 4, 8, 1)),
    "caffe/dilation10_cityscapes": _basic((1, 1, 2, 4, 8, 16, 32, 64, 1)),
}
