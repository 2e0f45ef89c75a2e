"""Times and sizes of a network's training step."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import subjects, timing
from segjax import types
from segjax.training import state as state_lib
from segjax.training import step

LOSS, LOOSE_LOSS = (1e-3, 0.1), (0.1, 0.5)
"""Largest relative differences of a peer's first loss and norm of the gradient;
the second pair where rounding is coarser, or dropout draws another mask."""


def measure(
    subject: subjects.Subject,
    variables: types.Variables,
    shape: tuple[int, ...],
    repetitions: int,
    peer: Any = None,
) -> dict[str, Any]:
  """What the compiler says of a step, and its times; arguments of `measure`."""
  rng = np.random.default_rng(2)
  labels = rng.integers(0, subject.num_classes, shape[:3]).astype(np.uint8)
  labels[rng.random(shape[:3]) < 0.05] = 255
  images = rng.integers(0, 256, shape).astype(np.uint8)
  batch = jax.device_put({"image": images, "label": labels})
  params = variables["params"]
  state = state_lib.TrainState(
      jnp.zeros((), jnp.int32),
      params,
      variables.get("batch_stats", {}),
      subject.tx.init(params),
  )
  state = jax.tree.map(jnp.array, state)
  update = jax.jit(
      functools.partial(
          step.train_step,
          model=subject.model,
          loss_fn=subject.loss_fn,
          tx=subject.tx,
          dtype=subject.dtype,
          **subject.options,
      ),
      donate_argnums=0,
  )
  key = jax.random.key(0)
  compiled = update.lower(state, batch, key).compile()
  about, latest = timing.analysis(compiled), [state]

  def train_step():
    latest[0], metrics = compiled(latest[0], batch, key)
    return jax.block_until_ready(metrics)

  first, calls = train_step(), {}
  about |= {k: float(first[k]) for k in ("loss", "grad_norm")}
  if peer is not None:
    about["peer"] = timing.attempt(
        lambda: _other_training(subject, peer, variables, images, labels, about)
    )
    calls = about["peer"].pop("calls", {})
  times = timing.alternate({"ours": train_step} | calls, repetitions)
  about |= timing.summary(times.pop("ours"), shape[0])
  timing.conclude(about, about.get("peer", {}), times, shape[0])
  return about


def training(subject: subjects.Subject):
  """(variables, uint8 image) -> all outputs, as a step of training has them."""
  preprocess = subject.options.get("preprocess", lambda image: image)
  key = jax.random.key(0)

  def forward(variables, image):
    outputs, _ = subject.model.apply(
        variables,
        preprocess(image).astype(jnp.float32),
        train=True,
        mutable=["batch_stats"],
        rngs={"dropout": key},
    )
    return outputs

  return forward


def _other_training(subject, peer, variables, images, labels, ours):
  """The peer's training step, after a look at its first."""
  if subject.recipe is None:
    raise NotImplementedError(
        f"{subject.name}: nobody says what its loss is made of"
    )
  other = peer.training(
      training(subject),
      variables,
      images.shape,
      subject.recipe(),
      device=peer.device,
      dtype=jnp.dtype(subject.dtype).name,
  )
  batch = peer.put(images), peer.put(labels)
  theirs = {"loss": float(other.step(*batch)), "grad_norm": other.grad_norm()}
  differences = [abs(theirs[k] - ours[k]) / abs(ours[k]) for k in theirs]
  exact = subjects.is_exact(subject) and not other.has_dropout
  allowed = LOSS if exact else LOOSE_LOSS
  if not all(x < most for x, most in zip(differences, allowed)):
    raise ValueError(
        f"{subject.name}: the peer's first step has a loss of"
        f" {theirs['loss']:.5g} and a gradient of {theirs['grad_norm']:.5g},"
        f" ours {ours['loss']:.5g} and {ours['grad_norm']:.5g}"
    )
  forms, calls = peer.forms(
      other.loss, lambda function: other.step(*batch, function)
  )
  return peer.about() | {
      "parameters": other.parameters,
      "dropout": other.has_dropout,
      **theirs,
      "forms": forms,
      "calls": calls,
  }
