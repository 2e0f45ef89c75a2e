"""Checkpoints of Cadene/pretrained-models.pytorch.

Layouts read in pretrainedmodels/models: xception.py, nasnet_mobile.py and
nasnet.py.
"""

from segjax.backbones import nasnet, xception
from segjax.convert import engine

_XCEPTION = (
    (r"conv([12])", r"conv\1/conv"),
    (r"bn([12])", r"conv\1/norm"),
    (r"block(\d+)\.skip", r"block\1/shortcut/conv"),
    (r"block(\d+)\.skipbn", r"block\1/shortcut/norm"),
    # Activations count, and the first block begins without one.
    *(
        row
        for i, (convs, norms) in enumerate(
            (("[01]", "[12]"), ("[34]", "[45]"), ("7", "8")), start=1
        )
        for row in (
            (
                rf"block(\d+)\.rep\.{convs}\.conv1",
                rf"block\1/conv{i}/depthwise",
            ),
            (
                rf"block(\d+)\.rep\.{convs}\.pointwise",
                rf"block\1/conv{i}/pointwise",
            ),
            (rf"block(\d+)\.rep\.{norms}", rf"block\1/conv{i}/norm"),
        )
    ),
    (r"conv([34])\.conv1", r"conv\1/depthwise"),
    (r"conv([34])\.pointwise", r"conv\1/pointwise"),
    (r"bn([34])", r"conv\1/norm"),
    (r"fc|last_linear", None),
)


def _cell(old: str, new: str) -> tuple[engine.Row, ...]:
  branch = old + r"\.comb_iter_(\d)_(left|right)\."
  ours = new + r"/\2\1/"
  return (
      (old + r"\.conv_1x1\.conv", new + "/squeeze/conv"),
      (old + r"\.conv_1x1\.bn", new + "/squeeze/norm"),
      (old + r"\.conv_prev_1x1\.conv", new + "/fit/conv"),
      (old + r"\.conv_prev_1x1\.bn", new + "/fit/norm"),
      (old + r"\.path_1\.conv", new + "/fit/even"),
      (old + r"\.path_2\.conv", new + "/fit/odd"),
      (old + r"\.final_path_bn", new + "/fit/norm"),
      (branch + r"separable_(\d)\.(depth|point)wise_conv2d",
       ours + r"\4wise\3"),
      (branch + r"bn_sep_(\d)", ours + r"norm\3"),
  )  # fmt: skip


def _nasnet(size):
  model = nasnet.NASNet(**nasnet.SIZES[size])
  rows = [
      (r"conv0\.conv", "conv0/conv"),
      (r"conv0\.bn", "conv0/norm"),
      *_cell(r"cell_stem_0", "stem0"),
      *_cell(r"cell_stem_1", "stem1"),
      *_cell(r"reduction_cell_0", "reduction1"),
      *_cell(r"reduction_cell_1", "reduction2"),
      ("last_linear", None),
  ]
  for stage in range(3):
    for cell in range(model.cells):
      # The smaller network leaves out two numbers of each six.
      rows += _cell(f"cell_{6 * stage + cell}", f"stage{stage}_cell{cell}")
  return engine.Source(lambda classes: model, rows, None, "conv0.conv.weight")


SOURCES = {
    "cadene/nasnetalarge": _nasnet("large"),
    "cadene/nasnetamobile": _nasnet("mobile"),
    "cadene/xception": engine.Source(
        lambda classes: xception.Xception(), _XCEPTION, None, "conv1.weight"
    ),
}
