"""Times and sizes of one network: what `experiments.benchmark` writes down."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import statistics
import time
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree
import numpy as np
import optax

from segjax import types
from segjax.layers import fold as fold_lib
from segjax.training import state as state_lib
from segjax.training import step

TOLERANCE = 1e-3
"""Largest difference from a peer, in standard deviations of an output."""


@dataclasses.dataclass(frozen=True)
class Subject:
  """A network, and what one step of its training is made of.

  Attributes:
    name: as on the command line.
    model: the module.
    num_classes: that labels may have.
    loss_fn, tx, options: of `training.step.train_step`, the last its further
      keywords.
    dtype: of activations.
  """

  name: str
  model: nn.Module
  num_classes: int
  loss_fn: step.LossFn
  tx: optax.GradientTransformation
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  dtype: jnp.dtype = jnp.float32


def features_loss(
    outputs: types.Outputs, labels: Array
) -> tuple[Array, dict[str, Array]]:
  """For a backbone, which has no loss: the mean square of all its maps."""
  del labels
  return sum(jnp.mean(jnp.square(x)) for x in outputs.values()), {}


def inference(model: nn.Module):
  """(variables, image) -> what is asked of a network at inference.

  The logits; of a backbone `c1` to `c5`.
  """

  def infer(variables, image):
    outputs = model.apply(variables, image, train=False)
    wanted = ("logits", "c1", "c2", "c3", "c4", "c5")
    return {k: x for k, x in outputs.items() if k in wanted}

  return infer


def draw_variables(
    model: nn.Module, shape: tuple[int, ...], seed: int = 0
) -> types.Variables:
  """Weights that keep activations finite, faster than `model.init`.

  Kernels are He's normal ones (arXiv:1502.01852, Eq. 10); normalisations do
  nothing.
  """
  rng = np.random.default_rng(seed)
  init = functools.partial(model.init, train=False)
  image = jax.ShapeDtypeStruct(shape, jnp.float32)

  def draw(path, leaf):
    if path[-1].key == "kernel":
      scale = np.sqrt(2 / max(1, np.prod(leaf.shape[:-1])))
      return scale.astype(np.float32) * rng.standard_normal(
          leaf.shape, np.float32
      )
    ones = path[-1].key in ("scale", "var")
    return np.full(leaf.shape, float(ones), np.float32)

  variables = jax.eval_shape(init, jax.random.key(0), image)
  return jax.tree_util.tree_map_with_path(draw, variables)


def measure(
    subject: Subject,
    *,
    size: tuple[int, int],
    batch: int,
    repetitions: int,
    train: bool = False,
    fold: bool = False,
    peer: Callable[..., Any] | None = None,
    peer_folded: bool = False,
) -> dict[str, Any]:
  """All that is known about a network, as a JSON object.

  Args:
    subject: the network.
    size: height and width of an image.
    batch: images at once.
    repetitions: how often each time is taken, after one call that is not
      counted.
    train: whether a training step is measured too.
    fold: whether inference is of the folded network (`layers.fold`).
    peer: makes the same network elsewhere from (infer, variables, shape), such
      as `torch_peer.Peer`; its calls alternate with ours.
    peer_folded: whether it gets the folded network as well.

  Raises:
    ValueError: the peer computes something else.
  """
  shape = (batch, *size, 3)
  variables = draw_variables(subject.model, shape)
  params = jax.tree.leaves(variables["params"])
  about = {
      "name": subject.name,
      "network": type(subject.model).__name__,
      "parameters": sum(int(x.size) for x in params),
      "size": list(size),
      "batch": batch,
      "dtype": jnp.dtype(subject.dtype).name,
  }
  image = np.random.default_rng(1).standard_normal(shape, np.float32)
  cast = functools.partial(
      jax.tree.map, lambda x: jnp.asarray(x, subject.dtype)
  )
  model, less = subject.model, variables
  if fold:
    model, less = fold_lib.fold(model, variables, shape)
  about["folded"] = model is not subject.model
  given = jax.device_put(less | {"params": cast(less["params"])}), cast(image)
  infer = inference(model)
  compiled = jax.jit(infer).lower(*given).compile()
  about["forward"] = _analysis(compiled)

  def forward():
    jax.block_until_ready(compiled(*given))

  calls = {"forward": forward}
  if peer is not None:
    theirs = (infer, less)
    if not peer_folded:
      theirs = (inference(subject.model), variables)
    calls["peer"], about["peer"] = _against(
        peer, subject.name, *theirs, image, compiled(*given)
    )
    about["peer"]["folded"] = peer_folded and about["folded"]
  for name, times in _alternate(calls, repetitions).items():
    about[name] = about.get(name, {}) | _summary(times, batch)
  if peer is not None:
    medians = about["forward"]["seconds"], about["peer"]["seconds"]
    about["peer"]["ratio"] = medians[0]["median"] / medians[1]["median"]
  if train:
    about["train"] = _train(subject, variables, shape, repetitions)
  return about


def _against(peer, name, infer, variables, image, ours: types.Outputs):
  """The peer's call, after a look at what it computes."""
  import torch  # Only who compares needs it.

  other = peer(infer, variables, image.shape)
  tensor = torch.from_numpy(image)
  theirs = other(tensor)
  difference = max(
      float(np.abs(np.asarray(x) - theirs[k].numpy()).max() / np.std(x))
      for k, x in ours.items()
  )
  if not difference < TOLERANCE:
    raise ValueError(
        f"{name}: the peer's outputs are up to {difference:.2g}"
        f" standard deviations from ours; {TOLERANCE} is allowed"
    )
  about = {
      "name": f"PyTorch {torch.__version__}",
      "threads": torch.get_num_threads(),
      "parameters": other.parameters,
      "largest_difference": difference,
  }
  return lambda: other(tensor), about


def _train(subject, variables, shape, repetitions: int) -> dict[str, Any]:
  rng = np.random.default_rng(2)
  labels = rng.integers(0, subject.num_classes, shape[:3]).astype(np.uint8)
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
  latest = [state]

  def train_step():
    latest[0], metrics = compiled(latest[0], batch, key)
    jax.block_until_ready(metrics)

  times = _alternate({"train": train_step}, repetitions)["train"]
  return _analysis(compiled) | _summary(times, shape[0])


def _analysis(compiled: Any) -> dict[str, Any]:
  """What the compiler says of its program."""
  memory = compiled.memory_analysis()
  peak = (
      memory.argument_size_in_bytes
      + memory.output_size_in_bytes
      + memory.temp_size_in_bytes
      - memory.alias_size_in_bytes
  )
  return {
      "flops": int(compiled.cost_analysis()["flops"]),
      "memory": {
          "arguments": memory.argument_size_in_bytes,
          "outputs": memory.output_size_in_bytes,
          "temporaries": memory.temp_size_in_bytes,
          "total": peak,
      },
  }


def _alternate(
    calls: Mapping[str, Callable[[], PyTree]], repetitions: int
) -> dict[str, list[float]]:
  """Seconds of each call, taken in turns so that all see the same machine."""
  times = {name: [] for name in calls}
  for i in range(repetitions + 1):
    for name, call in calls.items():
      start = time.perf_counter()
      call()
      if i:
        times[name].append(time.perf_counter() - start)
  return times


def _summary(times: Sequence[float], batch: int) -> dict[str, Any]:
  median = statistics.median(times)
  return {
      "seconds": {"median": median, "min": min(times), "max": max(times)},
      "repetitions": len(times),
      "images_per_second": batch / median,
  }
