"""Checkpoints of bfortuner/pytorch_tiramisu (models/tiramisu.py)."""

from segjax import layers
from segjax.convert import engine
from segjax.models import fc_densenet

_LEVELS = 5


def _rows():
  layer = r"\.layers\.(\d+)\.(norm|conv)", r"/layer\1/\2"
  yield "firstconv", "conv1"
  for i in range(_LEVELS):
    down, up = i + 1, _LEVELS - i
    yield rf"denseBlocksDown\.{i}" + layer[0], f"down{down}" + layer[1]
    yield rf"transDownBlocks\.{i}\.(norm|conv)", rf"transition{down}/\1"
    yield (
        rf"transUpBlocks\.{i}\.convTrans",
        f"transition_up{up}",
        engine.transposed,
    )
    yield rf"denseBlocksUp\.{i}" + layer[0], f"up{up}" + layer[1]
  yield r"bottleneck\.bottleneck" + layer[0], "bottleneck" + layer[1]
  yield "finalConv", "classifier"


def _source(depth):
  growth_rate, blocks, bottleneck = fc_densenet.SIZES[depth]

  def build(classes):
    return fc_densenet.FCDenseNet(
        classes, growth_rate, blocks, bottleneck, norm=layers.BatchNorm
    )

  return engine.Source(
      build, tuple(_rows()), "finalConv.weight", "firstconv.weight"
  )


SOURCES = {
    f"bfortuner/fc-densenet{depth}": _source(depth)
    for depth in fc_densenet.SIZES
}
"""The library calls FC-DenseNet56 FCDenseNet57."""
