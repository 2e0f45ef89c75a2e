"""Windows that slide over an image, and how their answers are blended."""

from jaxtyping import Float, Int
import numpy as np

BLENDS = ("uniform", "linear", "gaussian")


def window_starts(
    length: int, window: int, stride: int
) -> Int[np.ndarray, " windows"]:
  """Where windows begin on one axis: 0, stride, ... and the last possible.

  The last window is moved back so that it ends where the axis ends, as in
  mmsegmentation and in hszhao/semseg.

  Raises:
    ValueError: the axis is shorter than the window, or the stride leaves gaps.
  """
  if window > length or not 0 < stride <= window:
    raise ValueError(
        f"windows of {window} every {stride} cannot cover {length} pixels: the"
        " window must be at most as long, and the stride 1 to the window"
    )
  return np.append(np.arange(0, length - window, stride), length - window)


def blend_weights(
    size: tuple[int, int], blend: str = "uniform"
) -> Float[np.ndarray, "h w"]:
  """The weight of each pixel of a window where windows overlap, above 0.

  "uniform" counts all pixels alike. "linear" falls from the centre to the
  edges like a pyramid. "gaussian" has a standard deviation of an eighth of the
  side (nnU-Net, Isensee et al. 2021, Methods), and at least 1/1000 of the peak.

  Raises:
    ValueError: an unknown blend.
  """
  if blend not in BLENDS:
    raise ValueError(f"blend is {blend!r}; there are {', '.join(BLENDS)}")
  sides = []
  for n in size:
    at = (np.arange(n) + 0.5) / n - 0.5
    sides.append(
        {
            "uniform": np.ones(n),
            "linear": 1 - 2 * np.abs(at) + 1 / n,
            "gaussian": np.exp(-0.5 * (at / 0.125) ** 2),
        }[blend]
    )
  weights = np.outer(*sides)
  return np.maximum(weights / weights.max(), 1e-3).astype(np.float32)
