"""Checkpoints of DeepLab in tensorflow/models, as a .npz of their variables.

Names read in research/deeplab/model.py and core/xception.py. The networks see
RGB images of -1 to 1.
"""

from segjax.backbones import xception
from segjax.convert import engine, segmentron


def _conv(old, new):
  """A slim convolution: its kernel, and the norm beneath it."""
  return ((old, new + "/conv"), (old + "/BatchNorm", new + "/norm"))


def _separable(old, new):
  return (
      *_conv(old + "_depthwise", new + "/depthwise"),
      *_conv(old + "_pointwise", new + "/pointwise"),
  )


def _modules(depth):
  """Our name and the path there of every module."""
  entry, middle = xception.SIZES[depth]
  for i in range(1, len(entry) + 1):
    yield f"entry{i}", f"entry_flow/block{i}/unit_1"
  for i in range(1, middle + 1):
    yield f"middle{i}", f"middle_flow/block1/unit_{i}"
  for i in (1, 2):
    yield f"exit{i}", f"exit_flow/block{i}/unit_1"


def _table(depth):
  root = f"xception_{depth}/"
  rows = [
      ("global_step", None),
      # What an optimiser keeps, under the name of its variable.
      (".*/(weights|depthwise_weights|biases|gamma|beta)", None),
      # The classifier of ImageNet.
      (root + "logits.*", None),
      *_conv(root + r"entry_flow/conv1_(\d)", r"backbone/conv\1"),
  ]
  for name, path in _modules(depth):
    old, new = f"{root}{path}/xception_module/", f"backbone/{name}/"
    rows += _conv(old + "shortcut", new + "shortcut")
    rows += _separable(old + r"separable_conv(\d)", new + r"conv\1")
  rows += _conv("image_pooling", "aspp/image_pool")
  rows += _conv("aspp0", "aspp/conv1x1")
  rows += _separable(r"aspp(\d)", r"aspp/atrous\1")
  rows += [
      # The image-level branch comes first there.
      (
          "concat_projection",
          "aspp/project/conv",
          engine.roll_inputs(-segmentron.FEATURES, engine.TENSORFLOW),
      ),
      ("concat_projection/BatchNorm", "aspp/project/norm"),
      *_conv("decoder/feature_projection0", "decoder/reduce"),
      *_separable("decoder/decoder_conv0", "decoder/conv1"),
      *_separable("decoder/decoder_conv1", "decoder/conv2"),
      ("logits/semantic", "classifier"),
  ]
  return rows


def _source(depth):
  return engine.Source(
      lambda classes: segmentron.deeplab_v3plus_xception(depth, classes),
      _table(depth),
      "logits/semantic/biases",
      f"xception_{depth}/entry_flow/conv1_1/weights",
      layout=engine.TENSORFLOW,
  )


SOURCES = {
    f"tensorflow/deeplabv3plus_xception{depth}": _source(depth)
    for depth in xception.SIZES
}
