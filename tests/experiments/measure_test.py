"""Figures of one network that are true, beside a peer's."""

import functools
import json
import time

from flax import linen as nn
import jax.numpy as jnp
import pytest

from experiments import measure, performance, recipes, subjects
from segjax import layers
from segjax.backbones import resnet


class OneConv(nn.Module):
  """A network whose cost can be counted by hand."""

  num_classes: int = 5

  @nn.compact
  def __call__(self, image, *, train):
    conv = layers.Conv(self.num_classes, 3, padding=0, name="conv")
    y = conv(image)
    return {"logits": jnp.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0)))}


RECIPE = recipes.Recipe({"logits": 1.0}, learning_rate=0.1)
ONE = subjects.Subject(
    "one",
    OneConv(),
    5,
    RECIPE.loss_fn(),
    RECIPE.tx(),
    dict(preprocess=lambda image: image / 255),
    recipe=lambda: RECIPE,
)
small = functools.partial(measure.measure, size=(34, 18), batch=2)


def test_the_figures_are_those_of_the_network():
  found = small(ONE, repetitions=3, train=True)
  assert found["parameters"] == 3 * 3 * 3 * 5 + 5
  positions = 2 * 32 * 16 * 5
  flops = found["forward"]["flops"]
  assert 0.9 < flops / (positions * (2 * 27 + 1)) < 1.2
  assert found["train"]["flops"] > 1.5 * flops
  memory = found["forward"]["memory"]
  assert memory["arguments"] == 4 * (found["parameters"] + 2 * 34 * 18 * 3)
  assert memory["outputs"] >= 4 * 2 * 34 * 18 * 5
  for part in ("forward", "train"):
    seconds = found[part]["seconds"]
    assert 0 < seconds["min"] <= seconds["median"] <= seconds["max"]
    assert found[part]["repetitions"] == 3
    assert found[part]["images_per_second"] == 2 / seconds["median"]
  json.dumps(found)


@pytest.mark.parametrize("dtype", ("float32", "bfloat16"))
def test_a_peer_is_timed_beside_us(dtype):
  torch_backend = pytest.importorskip("experiments.torch_backend")
  subject = subjects.dataclasses.replace(ONE, dtype=jnp.dtype(dtype))
  found = small(subject, repetitions=2, train=True, peer=torch_backend.Torch())
  assert not performance.errors(found)
  for ours, peer in (
      (found["forward"], found["peer"]),
      (found["train"], found["train"]["peer"]),
  ):
    assert peer["parameters"] == found["parameters"]
    assert peer["fastest"] == "eager"
    medians = ours["seconds"]["median"], peer["seconds"]["median"]
    assert peer["ratio"] == medians[0] / medians[1]
  limit = 1e-5 if dtype == "float32" else 1e-2
  assert found["peer"]["rms_difference"] < limit
  assert (
      abs(found["train"]["peer"]["loss"] / found["train"]["loss"] - 1) < limit
  )
  assert found["dtype"] == dtype
  json.dumps(found)


def test_the_faster_of_two_forms_is_the_peer(monkeypatch):
  torch = pytest.importorskip("torch")
  from experiments import torch_backend

  def slower(function, **_):
    def run(*arguments):
      time.sleep(0.02)
      return function(*arguments)

    return run

  monkeypatch.setattr(torch, "compile", slower)
  found = small(ONE, repetitions=2, train=True, peer=torch_backend.Torch(True))
  for peer in (found["peer"], found["train"]["peer"]):
    assert peer["forms"].keys() == {"eager", "compiled"}
    assert peer["fastest"] == "eager"
    assert peer["seconds"] == peer["forms"]["eager"]["seconds"]
    assert peer["forms"]["compiled"]["seconds"]["min"] > 0.02


def test_without_a_compiler_the_eager_form_is_the_peer(monkeypatch):
  torch = pytest.importorskip("torch")
  from experiments import torch_backend

  def broken(function, **_):
    raise RuntimeError("no C++ compiler\nhere")

  monkeypatch.setattr(torch, "compile", broken)
  found = small(ONE, repetitions=1, train=True, peer=torch_backend.Torch(True))
  assert not performance.errors(found)
  for peer in (found["peer"], found["train"]["peer"]):
    assert peer["fastest"] == "eager"
    error = peer["forms"]["compiled"]["error"]
    assert error == "RuntimeError: no C++ compiler here"


@pytest.mark.parametrize("peer_folded", (False, True))
def test_inference_is_of_the_folded_network(peer_folded):
  """The peer's is the network as it was, if it is not asked to fold too."""
  torch_backend = pytest.importorskip("experiments.torch_backend")
  model = resnet.ResNet((1, 1, 1, 1), bottleneck=False, width=4)
  subject = subjects.dataclasses.replace(ONE, model=model)
  found = small(
      subject,
      repetitions=1,
      fold=True,
      peer=torch_backend.Torch(),
      peer_folded=peer_folded,
  )
  assert found["folded"]
  assert found["peer"]["folded"] == peer_folded
  # Of each norm's scale, bias, mean and variance one vector is left.
  widths = 4 * (1 + 2) + 8 * 3 + 16 * 3 + 32 * 3
  assert found["parameters"] - found["peer"]["parameters"] == (
      widths * peer_folded
  )
  plain = small(subject, repetitions=1)
  assert not plain["folded"]
  saved = plain["forward"]["memory"]["arguments"]
  saved -= found["forward"]["memory"]["arguments"]
  assert saved == 4 * 3 * widths
  assert ", folded" in performance.row(found)


def test_a_peer_that_computes_something_else_is_an_error():
  """It has no times; we have ours."""
  torch = pytest.importorskip("torch")
  from experiments import torch_backend

  class Wrong(torch_backend.Torch):

    class inference:  # noqa: N801
      parameters = 0

      def __init__(self, infer, variables, shape, **_):
        self.shape = (*shape[:3], 5)

      def __call__(self, image):
        return {"logits": torch.ones(self.shape)}

    class training(torch_backend.Torch.training):  # noqa: N801

      def loss(self, image, label):
        return 1.1 * super().loss(image, label)

  found = small(ONE, repetitions=1, train=True, peer=Wrong())
  assert "one: the peer's outputs are up to" in found["peer"]["error"]
  error = found["train"]["peer"]["error"]
  assert "one: the peer's first step has a loss of" in error
  assert "ratio" not in found["peer"]
  assert found["forward"]["seconds"]["median"] > 0
  assert found["train"]["seconds"]["median"] > 0
  assert len(performance.errors(found)) == 2
  assert performance.row(found).count("failed: ValueError") == 2
