"""Checkpoints of fyu/drn: segmentation networks, and classifiers ("_cls").

Layouts read in segment.py and drn.py.
"""

from segjax.backbones import drn
from segjax.convert import engine
from segjax.models import dilated

DEPTHS = {"c": (26, 42, 58), "d": (22, 38, 54, 105)}


def drn_rows(
    arch: str, old: str = "", new: str = "", counted: bool = False
) -> tuple[engine.Row, ...]:
  r"""DRN's modules.

  Args:
    arch: "c" or "d".
    old: pattern in front of the source's names, such as `base\.`.
    new: path in front of ours, such as `backbone/`.
    counted: whether the modules are counted instead of named, as they are in
      the segmentation networks.
  """
  if arch == "c":
    conv, norm = (
        (old + "0", old + "1")
        if counted
        else (
            old + "conv1",
            old + "bn1",
        )
    )
    # The stem is a convolution, a norm and an activation.
    first = 2
  else:
    stem = old + ("0" if counted else "layer0")
    conv, norm = stem + r"\.0", stem + r"\.1"
    first = 0
  rows = [(conv, new + "conv0/conv"), (norm, new + "conv0/norm")]
  for i in range(1, 9):
    level = old + (str(first + i) if counted else f"layer{i}") + r"\."
    rows += _level_rows(arch, i, level, f"{new}layer{i}/")
  return tuple(rows)


def _level_rows(arch, i, old, new):
  """The modules of level i."""
  if arch == "d" and i in (1, 2, 7, 8):
    return ((old + "0", new + "conv1/conv"), (old + "1", new + "conv1/norm"))
  if i in (7, 8):
    return (
        # The projection of a block whose shortcut is never added.
        (old + r"0\.downsample\.\d", None),
        (old + r"0\.conv(\d)", new + r"conv\1/conv"),
        (old + r"0\.bn(\d)", new + r"conv\1/norm"),
    )
  block, ours = old + r"(\d+)\.", new + r"block\1/"
  return (
      (block + r"conv(\d)", ours + r"conv\2/conv"),
      (block + r"bn(\d)", ours + r"conv\2/norm"),
      (block + r"downsample\.0", ours + "shortcut/project/conv"),
      (block + r"downsample\.1", ours + "shortcut/project/norm"),
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


def _segmentation(arch, depth):
  table = (
      *drn_rows(arch, r"base\.", "backbone/", counted=True),
      ("(seg|up)", r"\1"),
  )
  first = "base.0.weight" if arch == "c" else "base.0.0.weight"
  return engine.Source(
      lambda classes: dilated.DRNSeg(classes, backbone(arch, depth)),
      table,
      "seg.weight",
      first,
  )


SOURCES = {
    f"fyu/drn_{arch}_{depth}{kind}": source(arch, depth)
    for kind, source in (("", _segmentation), ("_cls", _source))
    for arch, depths in DEPTHS.items()
    for depth in depths
}
