"""Checkpoints of jvanvugt/pytorch-unet in the paper's form.

`UNet(depth=5, wf=6, padding=False, batch_norm=False, up_mode='upconv')`;
layout read in unet.py.
"""

from segjax.convert import engine
from segjax.models import unet

_FEATURES = (64, 128, 256, 512, 1024)


def _rows(level):
  """Level 1 is the image's; the source counts the way up from the deepest."""
  features, up = _FEATURES[level - 1], len(_FEATURES) - 1 - level
  down = rf"down_path\.{level - 1}\.block"
  merge = rf"up_path\.{up}\.conv_block\.block"
  return (
      (down + r"\.0", f"down{level}/conv1/conv"),
      (down + r"\.2", f"down{level}/conv2/conv"),
      (rf"up_path\.{up}\.up", f"up{level}/conv", engine.transposed),
      # The up-convolved map comes first there, the copied one here.
      (
          merge + r"\.0",
          f"merge{level}/conv1/conv",
          engine.roll_inputs(features),
      ),
      (merge + r"\.2", f"merge{level}/conv2/conv"),
  )


_TABLE = (
    *(row for level in range(1, len(_FEATURES) + 1) for row in _rows(level)),
    ("last", "head"),
)

SOURCES = {
    "jvanvugt/unet_valid": engine.Source(
        lambda classes: unet.UNet(classes, _FEATURES, padding="valid"),
        _TABLE,
        "last.weight",
        "down_path.0.block.0.weight",
        size=188,
    ),
}
