"""Rematerialisation by the names of submodules.

A model is written without a word about memory; which of its stages are
recomputed in the backward pass is a decision of the run (Chen et al. 2016,
arXiv:1604.06174, call it sublinear memory).
"""

from collections.abc import Callable
import contextlib
import re

from flax import linen as nn
from jax import lax

_PRODUCTS = (lax.conv_general_dilated_p, lax.dot_general_p)


def _products(primitive, *unused_args, **unused_params) -> bool:
  return primitive in _PRODUCTS


POLICIES: dict[str, Callable[..., bool] | None] = {
    "nothing": None,
    "convolutions": _products,
}
"""What a stage keeps of its inside, besides its inputs.

With `convolutions`, the outputs of convolutions and matrix products: only what
is cheap, such as normalisation and activation, is computed again.
"""


@contextlib.contextmanager
def stages(pattern: str):
  """Inside, every submodule whose path matches `pattern` is checkpointed.

  The backward pass keeps the inputs of such a module and computes what is
  inside it again. Values and gradients stay the same.

  Args:
    pattern: matched against the whole path, such as `backbone/layer[1-4]`.
      Where a match lies inside another, both are checkpointed. "" does nothing.
      "@" and a name of `POLICIES` may follow: `backbone/.*@convolutions`.

  Raises:
    ValueError: no module that was called has such a path; the message lists
      those that were, two levels deep. Or there is no such policy.
  """
  pattern, _, name = pattern.partition("@")
  policy = _policy(name or "nothing")
  if not pattern:
    yield
    return
  called, open_paths, matches = {}, [], []

  def intercept(call, args, kwargs, context):
    path = "/".join(context.module.path)
    if context.method_name != "__call__" or path in open_paths:
      return call(*args, **kwargs)
    if path.count("/") < 2:
      called[path] = True
    if not re.fullmatch(pattern, path):
      return call(*args, **kwargs)
    matches.append(path)
    open_paths.append(path)
    try:
      # Keywords (`train`) stay Python values, which modules branch on.
      lifted = nn.remat(
          lambda module, *args: module(*args, **kwargs), policy=policy
      )
      return lifted(context.module, *args)
    finally:
      open_paths.pop()

  with nn.intercept_methods(intercept):
    yield
  if not matches:
    raise ValueError(
        f"remat: no submodule is called {pattern!r}; there are"
        f" {', '.join(filter(None, called))}"
    )


def _policy(name: str) -> Callable[..., bool] | None:
  if name not in POLICIES:
    raise ValueError(
        f"remat: there is no policy {name!r}; there are {', '.join(POLICIES)}"
    )
  return POLICIES[name]
