"""Which strides an output stride leaves, and which become dilations."""

from collections.abc import Sequence

OUTPUT_STRIDES = (4, 8, 16, 32)


def atrous(
    strides: Sequence[int], output_stride: int, *, start: int
) -> list[tuple[int, int, int]]:
  """Turns the strides beyond `output_stride` into dilations.

  "Going deeper with atrous convolution" (DeepLabv3, arXiv:1706.05587, Sec.
  3.1): once the features have the output stride, every further stride becomes
  a factor of the dilation of all that follows. The layer that had the stride
  itself keeps the dilation so far, so that the dense features agree with the
  strided ones where both exist.

  Args:
    strides: of the layers that may be changed, first to last.
    output_stride: image pixels from one feature to the next, at most.
    start: the stride in front of these layers.

  Returns:
    for each layer its stride, its own dilation, and that of what follows it.

  Raises:
    ValueError: `output_stride` is not 4, 8, 16 or 32.
  """
  if output_stride not in OUTPUT_STRIDES:
    raise ValueError(
        f"output_stride is {output_stride}; possible are {OUTPUT_STRIDES}"
    )
  layers, total, dilation = [], start, 1
  for stride in strides:
    before = dilation
    if total * stride > output_stride:
      dilation *= stride
      stride = 1
    total *= stride
    layers.append((stride, before, dilation))
  return layers
