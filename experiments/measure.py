"""Times and sizes of one network: what `experiments.benchmark` writes down."""

import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from experiments import measure_training, subjects, timing
from segjax import types
from segjax.layers import fold as fold_lib

TOLERANCE = 1e-3
"""Largest difference from a peer, in standard deviations of an output."""

LOOSE = 0.2
"""The same of the root mean square, in less than float32 or on an accelerator,
where float32 products are rounded too."""


def inference(model: nn.Module):
  """(variables, image) -> what is asked of a network at inference.

  The logits; of a backbone `c1` to `c5`.
  """

  def infer(variables, image):
    outputs = model.apply(variables, image, train=False)
    wanted = ("logits", "c1", "c2", "c3", "c4", "c5")
    return {k: x for k, x in outputs.items() if k in wanted}

  return infer


def measure(
    subject: subjects.Subject,
    *,
    size: tuple[int, int],
    batch: int,
    repetitions: int,
    train: bool = False,
    fold: bool = False,
    peer: Any = None,
    peer_folded: bool = False,
) -> dict[str, Any]:
  """All that is known about a network, as a JSON object.

  Where a training step or a peer fails, it has an "error" instead of times.

  Args:
    subject: the network.
    size: height and width of an image.
    batch: images at once.
    repetitions: how often each time is taken, after one call that is not
      counted.
    train: whether a training step is measured too.
    fold: whether inference is of the folded network (`layers.fold`).
    peer: runs the same network elsewhere, such as `torch_backend.Torch`; its
      calls alternate with ours, after a look at what they compute.
    peer_folded: whether it gets the folded network as well.
  """
  shape = (batch, *size, 3)
  variables = subjects.draw_variables(subject.model, shape)
  params = jax.tree.leaves(variables["params"])
  about = {
      "name": subject.name,
      "network": type(subject.model).__name__,
      "parameters": sum(int(x.size) for x in params),
      "size": list(size),
      "batch": batch,
      "dtype": jnp.dtype(subject.dtype).name,
  }
  about |= _inference(
      subject, variables, shape, repetitions, fold, peer, peer_folded
  )
  if peer is not None:
    peer.forget()
  if train:
    about["train"] = timing.attempt(
        lambda: measure_training.measure(
            subject, variables, shape, repetitions, peer
        )
    )
    if peer is not None:
      peer.forget()
  return about


def _inference(
    subject, variables, shape, repetitions, fold, peer, peer_folded
) -> dict[str, Any]:
  image = np.random.default_rng(1).standard_normal(shape, np.float32)
  cast = functools.partial(
      jax.tree.map, lambda x: jnp.asarray(x, subject.dtype)
  )
  model, less = subject.model, variables
  if fold:
    model, less = fold_lib.fold(model, variables, shape)
  about = {"folded": model is not subject.model}
  given = jax.device_put(less | {"params": cast(less["params"])}), cast(image)
  infer = inference(model)
  compiled = jax.jit(infer).lower(*given).compile()
  about["forward"] = timing.analysis(compiled)

  def forward():
    jax.block_until_ready(compiled(*given))

  calls = {}
  if peer is not None:
    theirs = (infer, less)
    if not peer_folded:
      theirs = (inference(subject.model), variables)
    about["peer"] = timing.attempt(
        lambda: _other(
            subject, peer, *theirs, image, jax.device_get(compiled(*given))
        )
    )
    calls = about["peer"].pop("calls", {})
    about["peer"]["folded"] = peer_folded and about["folded"]
  times = timing.alternate({"ours": forward} | calls, repetitions)
  about["forward"] |= timing.summary(times.pop("ours"), shape[0])
  timing.conclude(about["forward"], about.get("peer", {}), times, shape[0])
  return about


def _other(subject, peer, infer, variables, image, ours: types.Outputs):
  """The peer's inference, after a look at what it computes."""
  dtype = jnp.dtype(subject.dtype).name
  other = peer.inference(
      infer, variables, image.shape, device=peer.device, dtype=dtype
  )
  tensor = peer.put(image)
  theirs = {k: x.float().cpu().numpy() for k, x in other(tensor).items()}
  largest = rms = 0.0
  for key, x in ours.items():
    x = np.float32(x)
    difference = (x - theirs[key]) / np.std(x)
    largest = max(largest, float(np.abs(difference).max()))
    rms = max(rms, float(np.sqrt(np.mean(np.square(difference)))))
  exact = subjects.is_exact(subject)
  if not (largest < TOLERANCE if exact else rms < LOOSE):
    raise ValueError(
        f"{subject.name}: the peer's outputs are up to {largest:.2g} standard"
        f" deviations from ours, {rms:.2g} in the mean;"
        f" {TOLERANCE if exact else LOOSE} is allowed"
    )
  forms, calls = peer.forms(other.__call__, lambda function: function(tensor))
  return peer.about() | {
      "parameters": other.parameters,
      "largest_difference": largest,
      "rms_difference": rms,
      "forms": forms,
      "calls": calls,
  }
