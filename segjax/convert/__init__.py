"""From public checkpoints to our models, number by number.

model, variables = convert.load("torchvision/fcn_resnet50", "fcn.pth")
"""

from collections.abc import Mapping
import os

from flax import linen as nn
import numpy as np

from segjax import types
from segjax.convert import (
    bfortuner,
    cadene,
    caffe,
    caffe_atrous,
    deepmotion,
    drsleep,
    encoding,
    engine,
    fyu,
    hrnet,
    jvanvugt,
    kazuto1011,
    milesial,
    mmseg,
    mmseg_bisenet,
    mmseg_context,
    sadeepj,
    segmentron,
    semseg,
    tensorflow,
    tflite,
    timm,
    tobypde,
    torchseg,
    torchvision,
    vainf,
    wkentaro,
    zijundeng,
)
from segjax.convert.download import download
from segjax.convert.presets import preset
from segjax.convert.read import read, unwrap

_SOURCES: dict[str, engine.Source] = {
    name: source
    for module in (
        bfortuner,
        cadene,
        caffe,
        caffe_atrous,
        deepmotion,
        drsleep,
        encoding,
        fyu,
        hrnet,
        jvanvugt,
        kazuto1011,
        milesial,
        mmseg,
        mmseg_bisenet,
        mmseg_context,
        sadeepj,
        segmentron,
        semseg,
        tensorflow,
        tflite,
        timm,
        tobypde,
        torchseg,
        torchvision,
        vainf,
        wkentaro,
        zijundeng,
    )
    for name, source in module.SOURCES.items()
}


def sources() -> list[str]:
  """The names of all checkpoint sources, sorted."""
  return sorted(_SOURCES)


def source(name: str) -> engine.Source:
  """The model and the rename table of a source.

  Raises:
    ValueError: there is no such source; the message lists them all.
  """
  if name not in _SOURCES:
    raise ValueError(
        f"no checkpoint source is named {name!r}; there are"
        f" {', '.join(sources())}"
    )
  return _SOURCES[name]


def load(
    name: str, tensors: Mapping[str, np.ndarray] | str | os.PathLike
) -> tuple[nn.Module, types.Variables]:
  """The network of a source, and a checkpoint of it as our variables.

  Args:
    name: of the source, such as "mmseg/pspnet_r50-d8"; see `sources`.
    tensors: by name, as in the checkpoint; or a .npz, .safetensors, .pth, .pt
      or .caffemodel file.

  Returns:
    the model, whose number of classes is read off the tensors (a backbone for
    a classifier's checkpoint), and its variables, float32.

  Raises:
    FileNotFoundError: there is no such file.
    ValueError: there is no such source, the file is damaged or holds more
      than tensors, or the tensors do not fit the network.
  """
  chosen = source(name)
  if isinstance(tensors, str | os.PathLike):
    tensors = read(tensors)
  try:
    return engine.convert(chosen, unwrap(tensors))
  except ValueError as error:
    raise ValueError(f"{name}: {error}") from error


def dropped(name: str, tensors: Mapping[str, np.ndarray]) -> list[str]:
  """The tensors of a checkpoint that the source's network has no use for."""
  return engine.dropped(source(name), tensors)


__all__ = [
    "download",
    "dropped",
    "load",
    "preset",
    "read",
    "source",
    "sources",
]
