"""FRRN under the names of a PyTorch transcription.

The authors' files are lists of Lasagne arrays without names; the layers were
read in TobyPDE/FRRN, dltools/architectures.py.
"""

from segjax.convert import engine
from segjax.models import frrn

_STAGES, _UNITS = 5, 4


def _conv(old: str, new: str) -> tuple[engine.Row, ...]:
  """A convolution and its norm in a Sequential: our ConvNormAct."""
  return (
      (old + r"\.0", new + "/conv"),
      (old + r"\.1", new + "/norm"),
  )


def _rows():
  yield from _conv("conv1", "conv1")
  yield from _conv("split", "split")
  for i in range(3):
    for part in ("pre", "post"):
      for conv in ("conv1", "conv2"):
        yield from _conv(rf"{part}\.{i}\.{conv}", f"{part}{i + 1}/{conv}")
      yield rf"{part}\.{i}\.proj", f"{part}{i + 1}/project"
  for i in range(_STAGES):
    for j in range(_UNITS):
      for part, ours in (("enc", "encoder"), ("dec", "decoder")):
        old, new = rf"{part}\.{i}\.{j}\.", f"{ours}{i + 1}_unit{j + 1}/"
        yield from _conv(old + "conv1", new + "conv1")
        yield from _conv(old + "conv2", new + "conv2")
        yield old + "res", new + "residual"
  yield "cls", "classifier"


def _source(stages):
  return engine.Source(
      lambda classes: frrn.FRRN(classes, **stages),
      tuple(_rows()),
      "cls.weight",
      "conv1.0.weight",
  )


SOURCES = {
    "tobypde/frrn_a": _source(frrn.FRRN_A),
    "tobypde/frrn_b": _source(frrn.FRRN_B),
}
