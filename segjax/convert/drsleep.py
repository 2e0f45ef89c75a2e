"""Checkpoints of DrSleep/refinenet-pytorch and DrSleep/light-weight-refinenet.

Layouts read in models/resnet.py and utils/layer_factory.py of each.
"""

from segjax.backbones import resnet
from segjax.convert import engine, torchvision
from segjax.models import refinenet

_UNIT = {"conv": "conv1", "conv_relu_varout_dimred": "conv2"}


def _rows():
  """Stage n of theirs, from coarse to fine, is RefineNet-(5 - n)."""
  yield from torchvision.resnet_rows("", "backbone/")
  for n in range(1, 5):
    block, next_block = f"refine{5 - n}", f"refine{4 - n}"
    flow, adapt = rf"mflow_conv_g{n}_", rf"adapt_stage{n}_"
    # The coarser block's result is the first path, the backbone's the second.
    own = 1 if n == 1 else 2
    yield rf"p_ims1d2_outl{n}_dimred", f"c{6 - n}_reduce"
    yield adapt + "b2_joint_varout_dimred", f"{block}/path{own}_fuse"
    yield flow + "b3_joint_varout_dimred", f"{next_block}/path1_fuse"
    yield (
        flow + r"pool\.0\.(\d)_outvar_dimred",
        rf"{block}/pooling/conv\1",
    )
    for name, conv in _UNIT.items():
      yield rf"{adapt}b\.0\.(\d)_{name}", rf"{block}/path{own}_rcu\1/{conv}"
      yield rf"{flow}b\.0\.1_{name}", f"{block}/output_rcu1/{conv}"
      for unit in (2, 3):
        # Of the three units in a row, two belong to the next block.
        new = f"{next_block}/path1_rcu{unit - 1}"
        if n == 4:
          new = f"{block}/output_rcu{unit}"
        yield rf"{flow}b\.0\.{unit}_{name}", f"{new}/{conv}"
  yield "clf_conv", "classifier"


def _source(model, depth):
  def build(classes):
    return model(classes, resnet.ResNet(resnet.STAGE_SIZES[depth]), pools=4)

  return engine.Source(build, tuple(_rows()), "clf_conv.weight", "conv1.weight")


SOURCES = {
    "drsleep/refinenet_r101": _source(refinenet.RefineNet, 101),
} | {
    f"drsleep/lw-refinenet_r{depth}": _source(
        refinenet.LightWeightRefineNet, depth
    )
    for depth in (50, 101, 152)
}
