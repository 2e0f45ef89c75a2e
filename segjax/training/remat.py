"""Rematerialisation by the names of submodules.

A model is written without a word about memory; which of its stages are
recomputed in the backward pass is a decision of the run (Chen et al. 2016,
arXiv:1604.06174, call it sublinear memory).
"""

import contextlib
import re

from flax import linen as nn


@contextlib.contextmanager
def stages(pattern: str):
  """Inside, every submodule whose path matches `pattern` is checkpointed.

  The backward pass keeps the inputs of such a module and computes what is
  inside it again. Values and gradients stay the same.

  Args:
    pattern: matched against the whole path, such as `backbone/layer[1-4]`.
      Where a match lies inside another, both are checkpointed. "" does nothing.

  Raises:
    ValueError: no module that was called has such a path; the message lists
      those that were, two levels deep.
  """
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
      lifted = nn.remat(lambda module, *args: module(*args, **kwargs))
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
