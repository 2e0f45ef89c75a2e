"""Evaluation protocols: what is shown to a network, and how it is averaged."""

import dataclasses
from typing import Any

from segjax import ops
from segjax.ops import window as window_lib
from segjax.postprocess import dense_crf

AVERAGES = ("probabilities", "logits")

_MULTI_SCALE = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)


@dataclasses.dataclass(frozen=True)
class Protocol:
  """One way from an image to the class probabilities of its pixels.

  The image is brought to each scale; the network sees it whole, or window by
  window; answers are brought back to the image's size and averaged.

  Attributes:
    scales: of the views, as factors of the image's size.
    flip: averages each view, or each window, with its mirror image.
    output_stride: that the backbone is evaluated at, its rates scaled to match;
      None for the one that it was trained at.
    long_side: the image is first resized so that its longer side has this many
      pixels; None leaves it. The scales come on top.
    pad_to: (height, width) that a view is padded to at its bottom and right.
    fill: the grey level or RGB colour of that padding.
    window: (height, width) of the sliding window; None for the whole view. A
      smaller view is padded to it.
    stride: (height, width) between windows; the last ones are moved back so
      that they end with the view.
    margin: pixels of mirrored context around the window that the network sees
      and whose answers are dropped.
    blend: weights within a window where windows overlap; see
      `ops.blend_weights`.
    average: what overlapping windows are averaged as.
    align_corners: of all resizing.
    crf: settings of `dense_crf.SETTINGS` for ten iterations; "" for none.
    source: where the protocol is from.
  """

  scales: tuple[float, ...] = (1.0,)
  flip: bool = False
  output_stride: int | None = None
  long_side: int | None = None
  pad_to: tuple[int, int] | None = None
  fill: tuple[int, int, int] = (124, 116, 104)
  window: tuple[int, int] | None = None
  stride: tuple[int, int] | None = None
  margin: int = 0
  blend: str = "uniform"
  average: str = "probabilities"
  align_corners: bool = False
  crf: str = ""
  source: str = ""

  def __post_init__(self):
    if not self.scales or min(self.scales) <= 0:
      raise ValueError(f"scales are {self.scales}; factors above 0 are needed")
    for name, value, known in (
        ("blend", self.blend, window_lib.BLENDS),
        ("average", self.average, AVERAGES),
        ("crf", self.crf, ("", *dense_crf.SETTINGS)),
    ):
      if value not in known:
        raise ValueError(
            f"{name} is {value!r}; there are {', '.join(map(repr, known))}"
        )
    if self.window is None:
      if self.stride or self.margin:
        raise ValueError(
            f"stride {self.stride} and margin {self.margin} are of a sliding"
            " window, but window is None"
        )
    else:
      if self.stride is None:
        object.__setattr__(self, "stride", self.window)
      for window, stride in zip(self.window, self.stride):
        ops.window_starts(window, window, stride)
    if self.margin < 0:
      raise ValueError(f"margin is {self.margin}; it must be at least 0")

  @property
  def streams(self) -> bool:
    """Whether classes come from one strip of windows after the other."""
    return bool(
        self.window
        and self.scales == (1.0,)
        and not (self.long_side or self.pad_to or self.crf)
    )

  def as_dict(self) -> dict[str, Any]:
    """For evaluation.json."""
    return dataclasses.asdict(self)


PRESETS = {
    "whole": Protocol(source="the image as it is"),
    "mmseg whole": Protocol(source="mmsegmentation, test_cfg mode='whole'"),
    "mmseg slide 769": Protocol(
        window=(769, 769),
        stride=(513, 513),
        average="logits",
        align_corners=True,
        source="mmsegmentation, the 769x769 configs of Cityscapes",
    ),
    "mmseg ms+flip": Protocol(
        scales=_MULTI_SCALE,
        flip=True,
        source="mmsegmentation, tta_model of the base data sets",
    ),
    "deeplab_v3 os8": Protocol(
        output_stride=8, source="arXiv:1706.05587, Sec. 4.1, Table 5"
    ),
    "deeplab_v3 ms+flip os8": Protocol(
        scales=_MULTI_SCALE,
        flip=True,
        output_stride=8,
        source="arXiv:1706.05587, Sec. 4.1, Tables 5 and 6",
    ),
    "deeplab pad 513": Protocol(
        pad_to=(513, 513),
        fill=(127, 127, 127),
        align_corners=True,
        source="tensorflow/models, research/deeplab, eval_crop_size on VOC",
    ),
    "deeplab_v1 crf": Protocol(
        crf="deeplab_v1_largefov", source="arXiv:1412.7062, Sec. 4.1"
    ),
    "deeplab_v2 ms+crf": Protocol(
        scales=(0.5, 0.75, 1.0),
        crf="deeplab_v2_resnet101",
        source="arXiv:1606.00915, Sec. 4.1.2",
    ),
    "pspnet slide": Protocol(
        flip=True,
        long_side=512,
        window=(473, 473),
        stride=(316, 316),
        source="hszhao/semseg, tool/test.py with the VOC and ADE20K configs",
    ),
    "pspnet ms slide": Protocol(
        scales=_MULTI_SCALE,
        flip=True,
        long_side=512,
        window=(473, 473),
        stride=(316, 316),
        source="hszhao/semseg, tool/test.py with the VOC and ADE20K configs",
    ),
    "pspnet slide cityscapes": Protocol(
        flip=True,
        long_side=2048,
        window=(713, 713),
        stride=(476, 476),
        source="hszhao/semseg, tool/test.py with the Cityscapes configs",
    ),
    "tflite 257": Protocol(
        long_side=257,
        pad_to=(257, 257),
        fill=(127, 127, 127),
        source="input of DeepLabv3 on MobileNetV2 x0.5 for TensorFlow Lite",
    ),
    "tflite 513": Protocol(
        long_side=513,
        pad_to=(513, 513),
        fill=(127, 127, 127),
        source="input of DeepLabv3 on MobileNetV2 for TensorFlow Lite",
    ),
    "unet overlap-tile": Protocol(
        window=(388, 388),
        margin=92,
        source="arXiv:1505.04597, Fig. 2: tiles of 572 pixels answer for 388",
    ),
}
"""Named protocols, so that a row of a table can be asked for by name.

PSPNet's program centres what it pads, we pad at the bottom and right.
"""

WHOLE = PRESETS["whole"]


def preset(name: str) -> Protocol:
  """A protocol of `PRESETS`.

  Raises:
    ValueError: there is none of this name; the message lists all.
  """
  if name not in PRESETS:
    raise ValueError(
        f"there is no protocol {name!r}; there are"
        f" {', '.join(map(repr, PRESETS))}"
    )
  return PRESETS[name]
