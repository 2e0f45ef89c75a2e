"""PyTorch's counterparts of our functions and layers, on (n, h, w, c) tensors."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812


def _nchw(x: Any) -> Any:
  """A view: what lies as NHWC is channels_last to PyTorch."""
  maps = isinstance(x, torch.Tensor) and x.dim() > 1
  return x.movedim(-1, 1) if maps else x


def _nhwc(x: torch.Tensor) -> torch.Tensor:
  return x.movedim(1, -1)


def on_maps(
    function: Callable[..., torch.Tensor], *inputs: Any, **options: Any
) -> torch.Tensor:
  """What a function of NCHW maps, and of others, does with NHWC maps."""
  return _nhwc(function(_nchw(inputs[0]), *inputs[1:], **options))


def _on_maps(function: Callable[..., torch.Tensor]) -> Callable:
  return functools.partial(on_maps, function)


def overwritten(
    function: Callable[..., torch.Tensor],
    count: int,
    tail: Callable[..., torch.Tensor],
    *inputs: Any,
    **options: Any,
) -> torch.Tensor:
  """`function` of NCHW maps and more, and then one in place of its result.

  In place on a view costs copies in the backward pass, so it must happen before
  the result is seen as NHWC.

  Args:
    function: of the first `count` inputs.
    count: how many.
    tail: the function that overwrites, of the result and the other inputs.
    *inputs: of both; those of the second are NHWC.
    **options: of the first.
  """
  y = function(*inputs[:count], **options)
  return tail(y, *map(_nchw, inputs[count:]))


def _conv(x, kernel, bias=None, *, stride, padding, dilation, groups):
  return F.conv2d(x, kernel, bias, stride, padding, dilation, groups)


def _conv_transpose(
    x, kernel, bias=None, *, stride, padding, output_padding, groups
):
  return F.conv_transpose2d(
      x, kernel, bias, stride, padding, output_padding, groups
  )


def _batch_norm(x, scale, bias, mean, var, *, epsilon, momentum):
  """Momentum as `marks` gives it; updates `mean` and `var` where it is > 0."""
  if momentum is None:
    return F.batch_norm(x, mean, var, scale, bias, eps=epsilon)
  if not momentum:
    mean = var = None
  if x.numel() > x.shape[1]:
    return F.batch_norm(x, mean, var, scale, bias, True, momentum, epsilon)
  # One position, which PyTorch refuses: its variance is 0.
  if momentum:
    with torch.no_grad():
      mean.lerp_(x.reshape(-1).to(mean), momentum)
      var.mul_(1 - momentum)
  shape = (1, -1, *(1 for _ in x.shape[2:]))
  return (x - x) * scale.reshape(shape) + bias.reshape(shape)


def _max_pool_with_indices(x, window, stride, *, padding, ceil_mode):
  results = F.max_pool2d(
      _nchw(x), window, stride, padding, 1, ceil_mode, return_indices=True
  )
  return tuple(map(_nhwc, results))


def _max_unpool(y, indices, *, size, window):
  y, indices = _nchw(y), _nchw(indices)
  if window is not None:
    return _nhwc(F.max_unpool2d(y, indices, window, output_size=list(size)))
  flat = y.new_zeros(*y.shape[:2], size[0] * size[1])
  flat = flat.scatter(2, indices.flatten(2), y.flatten(2))
  return _nhwc(flat.unflatten(2, size))


def _dropout(x, *, rate, channels):
  return (F.dropout2d if channels else F.dropout)(x, rate)


def _avg_pool(x, window, stride, *, padding, ceil_mode, count_include_pad):
  stride = window if stride is None else stride
  return F.avg_pool2d(x, window, stride, padding, ceil_mode, count_include_pad)


def _max_pool(x, window, stride, *, padding, ceil_mode):
  stride = window if stride is None else stride
  return F.max_pool2d(x, window, stride, padding, 1, ceil_mode)


def _resize_bilinear(x, size, *, align_corners, factor):
  if factor is not None:
    y = F.interpolate(x, scale_factor=factor, mode="bilinear")
    return y[..., : size[0], : size[1]]
  return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)


@dataclasses.dataclass(frozen=True)
class Layout:
  """How PyTorch keeps a kernel of ours.

  Attributes:
    transposed: whether it is a transposed convolution's.
    groups: of its channels.
  """

  transposed: bool
  groups: int

  def __call__(self, kernel: torch.Tensor) -> torch.Tensor:
    """(kh, kw, i, o) as (o, i, kh, kw), or transposed as (i, o, kh, kw)."""
    if self.transposed:
      # Each group has its own inputs there, its own outputs here.
      parts = kernel.unflatten(3, (self.groups, -1))
      kernel = parts.permute(3, 2, 4, 0, 1).flatten(0, 1)
    else:
      kernel = kernel.permute(3, 2, 0, 1)
    return kernel.contiguous(memory_format=torch.channels_last)

  def back(self, kernel: torch.Tensor) -> torch.Tensor:
    """The inverse."""
    if self.transposed:
      parts = kernel.unflatten(0, (self.groups, -1))
      return parts.permute(3, 4, 1, 0, 2).flatten(3)
    return kernel.permute(2, 3, 1, 0)


WHOLE = {
    "conv": _on_maps(_conv),
    "conv_transpose": _on_maps(_conv_transpose),
    "max_pool": _on_maps(_max_pool),
    "avg_pool": _on_maps(_avg_pool),
    "adaptive_avg_pool": _on_maps(
        lambda x, size: F.adaptive_avg_pool2d(x, size)
    ),
    "max_pool_with_indices": _max_pool_with_indices,
    "max_unpool": _max_unpool,
    "resize_bilinear": _on_maps(_resize_bilinear),
    "resize_nearest": _on_maps(lambda x, size: F.interpolate(x, size)),
    "local_response_norm": _on_maps(F.local_response_norm),
    "batch_norm": _on_maps(_batch_norm),
    "bias": torch.add,
    "dropout": _on_maps(_dropout),
}
"""What `torch_peer` keeps as one operation, called as ours are."""

KERNELS = {"conv", "conv_transpose"}
"""Those with a kernel, which has a `Layout`."""

FORGETFUL = {"add", "batch_norm", "conv", "conv_transpose"}
"""What does without its result in the backward pass, so that others may
overwrite it."""
