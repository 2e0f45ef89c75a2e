"""Our networks on PyTorch's kernels: the other side of a comparison.

Every network has a peer, of the same weights, made from our own trace
(`torch_replay`); so the two can be held against each other:
`experiments.benchmark` compares what they compute before it takes times.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from experiments import recipes, torch_replay
from segjax import types
from segjax.training import optimizer


class Peer:
  """A network of ours in PyTorch, for inference.

  Attributes:
    parameters: how many numbers the weights are that it reads, without running
      statistics.
  """

  def __init__(
      self,
      infer: Callable[[types.Variables, jax.Array], types.Outputs],
      variables: types.Variables,
      shape: tuple[int, ...],
      *,
      device: str = "cpu",
      dtype: str = "float32",
  ):
    """Traces `infer(variables, image)` for images of `shape`, (n, h, w, c).

    Kernels are kept in `dtype`; with "bfloat16" all else is under autocast.

    Raises:
      NotImplementedError: it has an operation that we have not translated.
    """
    self._dtype = getattr(torch, dtype)
    self._replay = torch_replay.Replay(
        infer,
        variables,
        jax.ShapeDtypeStruct(shape, jnp.float32),
        device=device,
        dtype=self._dtype,
    )
    self.steps = self._replay.steps
    self.parameters = self._replay.parameters

  def __call__(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
    """The model's outputs, (n, h, w, c) as the image is."""
    with torch.inference_mode(), autocast(image.device.type, self._dtype):
      return self._replay.run(image)


class Trainer:
  """Training steps of a network of ours in PyTorch.

  Normalisations with the statistics of the batch, dropout, the losses of all
  heads, the gradient and SGD are PyTorch's own.

  Attributes:
    parameters: as of `Peer`.
    has_dropout: whether two steps from one state may differ.
  """

  def __init__(
      self,
      forward: Callable[[types.Variables, jax.Array], types.Outputs],
      variables: types.Variables,
      shape: tuple[int, ...],
      recipe: recipes.Recipe,
      *,
      device: str = "cpu",
      dtype: str = "float32",
  ):
    """Traces `forward(variables, image)` for uint8 images of `shape`.

    Args:
      forward: the network in training, with the preprocessing in front of it.
      variables: where it begins; "params" and perhaps "batch_stats".
      shape: (n, h, w, c).
      recipe: the losses, on those outputs of `forward`, and the optimiser.
      device: of weights, images and labels.
      dtype: "bfloat16" for autocast.

    Raises:
      NotImplementedError: it has an operation that we have not translated.
    """
    self._recipe, self._dtype = recipe, getattr(torch, dtype)
    self._variables = variables

    def read(variables, image):
      outputs = forward(variables, image)
      return {k: outputs[k] for k in recipe.heads or outputs}

    self._replay = torch_replay.Replay(
        read,
        variables,
        jax.ShapeDtypeStruct(shape, jnp.uint8),
        learn=True,
        device=device,
    )
    self.parameters = self._replay.parameters
    self.has_dropout = any(s.name == "dropout" for s in self._replay.steps)
    self._class_weights = None
    if recipe.class_weights:
      self._class_weights = torch.tensor(recipe.class_weights, device=device)
    self._count = 0
    self._optimizer = self._sgd(variables["params"])

  def loss(self, image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Of uint8 images (n, h, w, c) and uint8 labels (n, h, w)."""
    with autocast(image.device.type, self._dtype):
      outputs = self._replay.run(image)
      if not self._recipe.heads:
        return sum(x.float().square().mean() for x in outputs.values())
      label = label.long()
      return sum(
          weight * self._cross_entropy(outputs[name].movedim(-1, 1), label)
          for name, weight in self._recipe.heads.items()
      )

  def step(
      self,
      image: torch.Tensor,
      label: torch.Tensor,
      loss: Callable[..., torch.Tensor] | None = None,
  ) -> torch.Tensor:
    """One update; its loss. `loss` may be a compiled form of `self.loss`."""
    self._optimizer.zero_grad(set_to_none=True)
    value = (loss or self.loss)(image, label)
    value.backward()
    rate = self._recipe.learning_rate
    rate = float(rate(self._count)) if callable(rate) else rate
    for group in self._optimizer.param_groups:
      group["lr"] = rate * group["factor"]
    self._optimizer.step()
    self._count += 1
    return value.detach()

  def grad_norm(self) -> float:
    """Of all gradients of the last step."""
    grads = [p.grad for p in self._replay.learned() if p.grad is not None]
    return float(torch.linalg.vector_norm(
        torch.stack([torch.linalg.vector_norm(g.float()) for g in grads])
    ))  # fmt: skip

  def variables(self) -> types.Variables:
    """As ours are, after the steps so far."""
    leaves, treedef = jax.tree.flatten(self._variables)
    return treedef.unflatten(map(self._replay.leaf, range(len(leaves))))

  def _cross_entropy(self, logits, label):
    options = {"weight": self._class_weights, "ignore_index": 255}
    denominator = self._recipe.denominator
    if denominator == "weight" or (
        denominator == "valid" and self._class_weights is None
    ):
      return F.cross_entropy(logits, label, **options)
    total = F.cross_entropy(logits, label, reduction="sum", **options)
    if denominator == "all":
      return total / label.numel()
    return total / (label != 255).sum().clamp_min(1)

  def _sgd(self, params: Mapping[str, Any]) -> torch.optim.SGD:
    recipe, groups = self._recipe, {}
    decays = recipe.decays(params)
    paths = optimizer.paths(params)
    for tensor, path, decay in zip(self._replay.learned(), paths, decays):
      factor = recipe.factor(path)
      groups.setdefault((decay, factor), []).append(tensor)
    return torch.optim.SGD(
        [
            {"params": tensors, "weight_decay": decay, "factor": factor}
            for (decay, factor), tensors in groups.items()
        ],
        lr=0.1,  # Each step sets its own.
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        fused=True,
    )


def autocast(device: str, dtype: torch.dtype) -> torch.autocast:
  """PyTorch's mixed precision, if `dtype` is not float32."""
  return torch.autocast(device, dtype, enabled=dtype != torch.float32)


def tensor(array: np.ndarray, device: str) -> torch.Tensor:
  """A copy on the device."""
  return torch.tensor(array, device=device)
