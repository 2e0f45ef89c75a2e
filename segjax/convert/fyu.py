"""Checkpoints of fyu/drn: classifiers on ImageNet.

Layout read in drn.py. `_cls` tells them from the segmentation networks that
stand on the same backbones.
"""

from segjax.backbones import drn
from segjax.convert import engine, torchvision

DEPTHS = {"c": (26, 42, 58), "d": (22, 38, 54, 105)}


def drn_rows(arch: str, old: str = "", new: str = "") -> tuple[engine.Row, ...]:
  r"""DRN's modules.

  Args:
    arch: "c" or "d".
    old: pattern in front of the source's names, such as `base\.`.
    new: path in front of ours, such as `backbone/`.
  """
  if arch == "c":
    return (
        (old + "conv1", new + "conv0/conv"),
        (old + "bn1", new + "conv0/norm"),
        # The projection of a block whose shortcut is never added.
        (old + r"layer[78]\.0\.downsample\.\d", None),
        (old + r"layer([78])\.0\.conv(\d)", new + r"layer\1/conv\2/conv"),
        (old + r"layer([78])\.0\.bn(\d)", new + r"layer\1/conv\2/norm"),
        *torchvision.resnet_rows(old, new),
    )
  return (
      (old + r"layer0\.0", new + "conv0/conv"),
      (old + r"layer0\.1", new + "conv0/norm"),
      (old + r"layer([1278])\.0", new + r"layer\1/conv1/conv"),
      (old + r"layer([1278])\.1", new + r"layer\1/conv1/norm"),
      *torchvision.resnet_rows(old, new),
  )


def backbone(arch: str, depth: int, **options) -> drn.DRN:
  """DRN-C-26 and so on."""
  bottleneck, sizes = drn.STAGE_SIZES[depth]
  return drn.DRN(sizes, bottleneck, arch.upper(), **options)


def _source(arch, depth):
  model = backbone(arch, depth)
  first = "conv1.weight" if arch == "c" else "layer0.0.weight"
  table = (*drn_rows(arch), ("fc", None))
  return engine.Source(lambda classes: model, table, None, first)


SOURCES = {
    f"fyu/drn_{arch}_{depth}_cls": _source(arch, depth)
    for arch, depths in DEPTHS.items()
    for depth in depths
}
