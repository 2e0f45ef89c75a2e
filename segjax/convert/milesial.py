"""Checkpoints of milesial/Pytorch-UNet.

Layout read in unet/unet_model.py and unet/unet_parts.py.
"""

from segjax import layers
from segjax.convert import engine
from segjax.models import unet


def _double(old: str, new: str) -> tuple[engine.Row, ...]:
  return (
      (old + r"\.double_conv\.0", new + "/conv1/conv"),
      (old + r"\.double_conv\.1", new + "/conv1/norm"),
      (old + r"\.double_conv\.3", new + "/conv2/conv"),
      (old + r"\.double_conv\.4", new + "/conv2/norm"),
  )


_TABLE = (
    *_double("inc", "down1"),
    # It counts the levels from 0 on the way down, from the deepest on the
    # way up.
    *(
        row
        for i in range(1, 5)
        for row in (
            *_double(rf"down{i}\.maxpool_conv\.1", f"down{i + 1}"),
            *_double(rf"up{i}\.conv", f"merge{5 - i}"),
            (rf"up{i}\.up", f"up{5 - i}/conv", engine.transposed),
        )
    ),
    (r"outc\.conv", "head"),
    # The grey levels of its data set's masks.
    ("mask_values", None),
)


def _unet(**options):
  def build(classes):
    return unet.UNet(classes, padding="same", norm=layers.BatchNorm, **options)

  return engine.Source(
      build, _TABLE, "outc.conv.weight", "inc.double_conv.0.weight"
  )


SOURCES = {
    "milesial/unet": _unet(),
    "milesial/unet_bilinear": _unet(
        up="bilinear", features=(64, 128, 256, 512, 512)
    ),
}
