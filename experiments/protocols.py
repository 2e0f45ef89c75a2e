"""The flags of `evaluate` and `predict` that say what a network is shown."""

from collections.abc import Callable
import dataclasses
import functools

from absl import flags
from flax import linen as nn
from jaxtyping import Int
import ml_collections
import numpy as np

from segjax.ops import window
from segjax.postprocess import dense_crf, morphology
from segjax.training import protocol as protocols

LabelMap = Int[np.ndarray, "h w"]

_PROTOCOL = flags.DEFINE_string(
    "protocol",
    "",
    "a named protocol: " + "; ".join(map(repr, protocols.PRESETS)),
)
_SCALES = flags.DEFINE_list("scales", [], "sizes of the averaged views")
_FLIP = flags.DEFINE_bool("flip", None, "average mirror images too")
_OUTPUT_STRIDE = flags.DEFINE_integer(
    "output_stride", None, "of the backbone; the rates follow", 1
)
_LONG_SIDE = flags.DEFINE_integer(
    "long_side", None, "pixels that the longer side is brought to", 1
)
_WINDOW = flags.DEFINE_list("window", [], "height,width of a sliding window")
_STRIDE = flags.DEFINE_list("stride", [], "height,width between windows")
_MARGIN = flags.DEFINE_integer(
    "margin", None, "pixels of mirrored context around a window", 0
)
_BLEND = flags.DEFINE_enum(
    "blend", None, window.BLENDS, "weights where windows overlap"
)
_CRF = flags.DEFINE_bool("crf", None, "sharpen with a dense CRF")
_CRF_SETTINGS = flags.DEFINE_enum(
    "crf_settings",
    "deeplab_v2_resnet101",
    sorted(dense_crf.SETTINGS),
    "of --crf",
)
_OPENING = flags.DEFINE_integer(
    "opening", 0, "radius: take away thin parts of each class", 0
)
_CLOSING = flags.DEFINE_integer(
    "closing", 0, "radius: close thin gaps of each class", 0
)
_MIN_COMPONENT = flags.DEFINE_integer(
    "min_component", 0, "pixels: remove smaller parts of each class", 0
)
_MAX_HOLE = flags.DEFINE_integer(
    "max_hole", 0, "pixels: fill holes of each class that are not larger", 0
)


def protocol(config: ml_collections.ConfigDict) -> protocols.Protocol:
  """The one of --protocol, or the config's, with what single flags change.

  Raises:
    ValueError: no such protocol, or flags that contradict each other.
  """
  if _PROTOCOL.value:
    chosen = protocols.preset(_PROTOCOL.value)
  else:
    chosen = of_config(config)
  changes = {
      "scales": tuple(_number(text) for text in _SCALES.value),
      "flip": _FLIP.value,
      "output_stride": _OUTPUT_STRIDE.value,
      "long_side": _LONG_SIDE.value,
      "window": _pair("window", _WINDOW.value),
      "stride": _pair("stride", _STRIDE.value),
      "margin": _MARGIN.value,
      "blend": _BLEND.value,
  }
  changes = {k: v for k, v in changes.items() if v not in (None, ())}
  if "window" in changes and "stride" not in changes:
    changes["stride"] = changes["window"]
  if _CRF.value is not None:
    changes["crf"] = _CRF_SETTINGS.value if _CRF.value else ""
  if changes and chosen.source:
    changed = f"{chosen.source}; changed: {', '.join(sorted(changes))}"
    changes["source"] = changed
  return dataclasses.replace(chosen, **changes)


def of_config(config: ml_collections.ConfigDict) -> protocols.Protocol:
  """The protocol of a run's own evaluation, or a converted checkpoint's."""
  if config.eval.get("protocol"):
    return protocols.preset(config.eval.protocol)
  return protocols.Protocol(
      scales=tuple(config.eval.scales), flip=config.eval.flip
  )


def at_output_stride(model: nn.Module, stride: int | None) -> nn.Module:
  """The network with its backbone at another output stride, rates to match.

  Raises:
    ValueError: its backbone has none, or the rates would not be whole.
  """
  backbone = getattr(model, "backbone", None)
  if stride is None or stride == getattr(backbone, "output_stride", None):
    return model
  if not hasattr(backbone, "output_stride"):
    raise ValueError(
        f"output stride {stride} was asked for, but {type(model).__name__} has"
        " no backbone with an output_stride"
    )
  changes = {"backbone": backbone.clone(output_stride=stride)}
  if hasattr(model, "rates"):
    rates = [rate * backbone.output_stride / stride for rate in model.rates]
    if any(rate != int(rate) for rate in rates):
      raise ValueError(
          f"at output stride {stride} the rates {model.rates} of output stride"
          f" {backbone.output_stride} would be {rates}, not whole"
      )
    changes["rates"] = tuple(map(int, rates))
  return model.clone(**changes)


def postprocessing() -> dict[str, int]:
  """What the flags ask for after the network, in the order it is done."""
  asked = {
      "opening": _OPENING.value,
      "closing": _CLOSING.value,
      "min_component": _MIN_COMPONENT.value,
      "max_hole": _MAX_HOLE.value,
  }
  return {name: value for name, value in asked.items() if value}


def postprocess() -> Callable[[LabelMap], LabelMap] | None:
  """What is done to a predicted label map; None for nothing."""
  functions = {
      "opening": morphology.opening,
      "closing": morphology.closing,
      "min_component": morphology.remove_small_components,
      "max_hole": morphology.fill_small_holes,
  }
  asked = postprocessing()
  if not asked:
    return None
  return lambda labels: functools.reduce(
      lambda found, name: functions[name](found, asked[name]), asked, labels
  )


def _number(text: str) -> float:
  try:
    value = float(text)
  except ValueError:
    value = 0.0
  if not 0 < value < float("inf"):
    raise ValueError(
        f"--scales={text} is not a list of factors above 0, such as 0.5,1"
    )
  return value


def _pair(name: str, texts: list[str]) -> tuple[int, int] | None:
  """Height and width; one number is both."""
  if not texts:
    return None
  try:
    values = [int(text) for text in texts]
  except ValueError:
    values = []
  if len(values) not in (1, 2) or min(values) < 1:
    raise ValueError(
        f"--{name}={','.join(texts)} is not height,width in pixels, such as"
        " 512,1024"
    )
  return values[0], values[-1]
