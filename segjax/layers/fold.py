"""Folds BatchNorm into the convolution in front of it, for inference.

model, variables = fold.fold(model, variables)
"""

import collections
from collections.abc import Iterator, Mapping
import dataclasses

from flax import linen as nn
from flax import traverse_util
import jax
from jax.ad_checkpoint import checkpoint_name
from jax.extend import core
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np

from segjax import types
from segjax.layers import conv, norm

_CONVS = (conv.Conv, conv.ConvTranspose)


@dataclasses.dataclass(frozen=True)
class Pair:
  """A BatchNorm, and the convolution that it alone reads.

  Attributes:
    conv, norm: paths of the modules, as in the variables.
    use_bias: whether the convolution has a bias.
    epsilon: of the BatchNorm.
  """

  conv: str
  norm: str
  use_bias: bool
  epsilon: float


class Folded(nn.Module):
  """A network without the BatchNorms that its convolutions have taken in.

  It reads what `fold` makes of the network's variables, and makes none itself.
  They have the paths that they had; of a BatchNorm a `bias` is left, or nothing
  where the convolution has one.

  Attributes:
    module: the network.
    pairs: what is folded.
  """

  module: nn.Module
  pairs: tuple[Pair, ...]

  def __call__(
      self, image: Float[Array, "n h w c"], *, train: bool
  ) -> types.Outputs:
    """The network's outputs.

    Raises:
      ValueError: `train`; the statistics to train with are gone.
    """
    if train:
      raise ValueError(
          "a network with folded BatchNorm is for inference alone; train the"
          " one that was folded"
      )
    biased = {pair.norm: not pair.use_bias for pair in self.pairs}
    network, _ = self.module.unbind()  # So that paths begin with it.

    def intercept(call, arguments, keywords, context):
      module = context.module
      if type(module) is not norm.BatchNorm:
        return call(*arguments, **keywords)
      path = "/".join(module.path)
      if path not in biased:
        return call(*arguments, **keywords)
      (x,) = arguments
      if not biased[path]:
        return x
      bias = module.param("bias", nn.initializers.zeros, x.shape[-1:])
      return x + bias.astype(x.dtype)

    with nn.intercept_methods(intercept):
      return network.apply(self.variables, image, train=False)


def fold(
    model: nn.Module,
    variables: types.Variables,
    shape: tuple[int, ...] = (1, 128, 128, 3),
) -> tuple[nn.Module, types.Variables]:
  """The same function with fewer operations; gradients are not for training.

  A BatchNorm in evaluation is slope * x + offset. Where x is the result of a
  convolution that nothing else reads, its kernel takes the slope, channel by
  channel (Jacob et al. 2017, arXiv:1712.05877, Sec. 3.2, Eq. 14). One that
  comes before the convolution, as in DenseNet, stays, and so does one with
  `batch_statistics`.

  Args:
    model: called as `model(image, train=...)`.
    variables: its variables.
    shape: of an image, to find out on which convolution follows which; nothing
      is computed.

  Returns:
    a `Folded`, and its variables; both as they came where nothing folds.
  """
  pairs = find(model, variables, shape)
  if not pairs:
    return model, variables
  flat = traverse_util.flatten_dict(dict(variables), sep="/")
  for pair in pairs:
    _merge(flat, pair)
  return Folded(model, pairs), traverse_util.unflatten_dict(flat, sep="/")


def find(
    model: nn.Module,
    variables: types.Variables,
    shape: tuple[int, ...] = (1, 128, 128, 3),
) -> tuple[Pair, ...]:
  """What `fold` would fold, sorted by path; arguments as there."""
  modules = {}

  def intercept(call, arguments, keywords, context):
    module = context.module
    if context.method_name != "__call__":
      return call(*arguments, **keywords)
    path = "/".join(module.path)
    if type(module) in _CONVS:
      modules[path] = module
      return checkpoint_name(call(*arguments, **keywords), f"conv:{path}")
    if type(module) is norm.BatchNorm and not module.batch_statistics:
      modules[path] = module
      x, *rest = arguments
      return call(checkpoint_name(x, f"norm:{path}"), *rest, **keywords)
    return call(*arguments, **keywords)

  def trace(variables, image):
    with nn.intercept_methods(intercept):
      return model.apply(variables, image, train=False)

  jaxpr = jax.make_jaxpr(trace)(
      jax.tree.map(_abstract, dict(variables)),
      jax.ShapeDtypeStruct(shape, jnp.float32),
  ).jaxpr
  follows, precedes = _neighbours(jaxpr)
  return tuple(
      Pair(
          convolution,
          normalisation,
          modules[convolution].use_bias,
          modules[normalisation].epsilon,
      )
      for normalisation, (convolution, *more) in sorted(precedes.items())
      if not more and follows.get(convolution) == {normalisation}
      if convolution is not None
  )


def _neighbours(jaxpr: core.Jaxpr):
  """What follows each convolution, and what precedes each BatchNorm.

  Two mappings from a path to the set of paths on the other side, over all
  calls of a module. None stands for anything but a single BatchNorm, or for
  anything but a convolution.
  """
  follows, precedes = (collections.defaultdict(set) for _ in range(2))
  for part in _parts(jaxpr):
    made, read = {}, collections.defaultdict(list)
    for equation in part.eqns:
      made.update(dict.fromkeys(equation.outvars, equation))
      for var in equation.invars:
        if isinstance(var, core.Var):
          read[var].append(equation)
    for var in part.outvars:
      if isinstance(var, core.Var):
        read[var].append(None)
    for equation in part.eqns:
      kind, path = _marked(equation)
      if kind == "conv":
        readers = read[equation.outvars[0]]
        found = _marked(readers[0]) if len(readers) == 1 else (None, None)
        follows[path].add(found[1] if found[0] == "norm" else None)
      elif kind == "norm":
        found = _marked(made.get(equation.invars[0]))
        precedes[path].add(found[1] if found[0] == "conv" else None)
  return follows, precedes


def _marked(equation: core.JaxprEqn | None) -> tuple[str | None, str | None]:
  """("conv" or "norm", the path) of an equation that only carries a mark."""
  if equation is None or equation.primitive.name != "name":
    return None, None
  kind, colon, path = equation.params["name"].partition(":")
  return (kind, path) if colon else (None, None)


def _parts(jaxpr: core.Jaxpr) -> Iterator[core.Jaxpr]:
  """A trace and all traces in it, such as those of jitted functions."""
  yield jaxpr
  for equation in jaxpr.eqns:
    for value in jax.tree.leaves(list(equation.params.values())):
      if isinstance(value, core.ClosedJaxpr):
        yield from _parts(value.jaxpr)
      elif isinstance(value, core.Jaxpr):
        yield from _parts(value)


def _merge(flat: dict[str, Array], pair: Pair) -> None:
  """Moves a BatchNorm into its convolution's kernel, in double precision."""
  take = lambda path: np.asarray(flat.pop(path), np.float64)
  mean = take(f"batch_stats/{pair.norm}/mean")
  var = take(f"batch_stats/{pair.norm}/var")
  slope = take(f"params/{pair.norm}/scale") / np.sqrt(var + pair.epsilon)
  bias = take(f"params/{pair.norm}/bias") - mean * slope
  # The last axis is the result's channels, of groups and transposes as well.
  kernel = flat[f"params/{pair.conv}/kernel"]
  flat[f"params/{pair.conv}/kernel"] = jnp.asarray(
      np.asarray(kernel, np.float64) * slope, kernel.dtype
  )
  home = pair.norm
  if pair.use_bias:
    bias += take(f"params/{pair.conv}/bias") * slope
    home = pair.conv
  flat[f"params/{home}/bias"] = jnp.asarray(bias, kernel.dtype)


def _abstract(x: Mapping | Array) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x))
