"""A peer's training step is ours: loss, gradient, update, statistics."""

import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import build, measure_training, recipes, subjects
from experiments import config as config_lib
from segjax import layers, ops
from segjax.backbones import resnet
from segjax.models import pspnet, segnet, unet
from segjax.training import state as state_lib
from segjax.training import step
from tests.models import tiny_parts

torch = pytest.importorskip("torch")
from experiments import torch_layers, torch_peer  # noqa: E402

SHAPE = (2, 33, 47, 3)
MODELS = {
    # Transposed convolutions, and normalisation on every level.
    "unet": unet.UNet(
        3, features=(4, 8), dropout_rate=0.0, norm=layers.BatchNorm
    ),
    # Unpooling of odd sizes; biases in front of normalisation.
    "segnet": segnet.SegNet(
        3, dropout_rate=0.0, backbone=tiny_parts.tiny_switches(ceil_mode=True)
    ),
    # Two heads, pooled maps of one pixel.
    "pspnet": pspnet.PSPNet(
        3,
        resnet.ResNet((1, 1, 1, 1), bottleneck=False, width=4, output_stride=8),
        features=4,
        aux_features=4,
        dropout_rate=0.0,
    ),
}
HEADS = {"logits": 1.0, "aux": 0.4}


def batch(shape=SHAPE):
  rng = np.random.default_rng(2)
  image = rng.integers(0, 256, shape).astype(np.uint8)
  label = rng.integers(0, 3, shape[:3]).astype(np.uint8)
  label[rng.random(label.shape) < 0.2] = 255
  return image, label


def subject(model, **recipe):
  heads = {k: HEADS[k] for k in subjects.outputs(model) if k in HEADS}
  recipe = recipes.Recipe(heads, **recipe)
  return subjects.Subject(
      "small",
      model,
      3,
      recipe.loss_fn(),
      recipe.tx(),
      dict(preprocess=functools.partial(ops.normalize, preset="imagenet")),
      recipe=lambda: recipe,
  )


def peer(one, variables, shape=SHAPE):
  return torch_peer.Trainer(
      measure_training.training(one), variables, shape, one.recipe()
  )


def ours(one, variables, image, label, count):
  """Losses and gradients of our steps, and the variables after them."""
  state = state_lib.TrainState(
      jnp.zeros((), jnp.int32),
      variables["params"],
      variables.get("batch_stats", {}),
      one.tx.init(variables["params"]),
  )
  update = functools.partial(
      step.train_step,
      model=one.model,
      loss_fn=one.loss_fn,
      tx=one.tx,
      **one.options,
  )
  given = {"image": image, "label": label}, jax.random.key(0)
  compiled = (
      jax.jit(update)
      .lower(state, *given)
      .compile(compiler_options={"xla_backend_optimization_level": 0})
  )
  found = []
  for _ in range(count):
    state, metrics = compiled(state, *given)
    found.append((float(metrics["loss"]), float(metrics["grad_norm"])))
  return found, {"params": state.params, "batch_stats": state.batch_stats}


@pytest.mark.parametrize("name", MODELS)
def test_steps_from_one_state_are_the_same_steps(name):
  """With a momentum, decayed kernels and heads that learn faster."""
  one = subject(
      MODELS[name],
      learning_rate=lambda count: 0.01 / (1 + count),
      weight_decay=0.01,
      factors=(("class", 10.0),) if name != "unet" else (),
  )
  variables = subjects.draw_variables(one.model, SHAPE)
  image, label = batch()
  other = peer(one, variables)
  tensors = torch.tensor(image), torch.tensor(label)
  theirs = [(float(other.step(*tensors)), other.grad_norm()) for _ in range(2)]
  found, want = ours(one, variables, image, label, 2)
  np.testing.assert_allclose(theirs, found, rtol=1e-3)
  assert not other.has_dropout
  got = dict(jax.tree_util.tree_leaves_with_path(other.variables()))
  before = dict(jax.tree_util.tree_leaves_with_path(variables))
  for path, after in jax.tree_util.tree_leaves_with_path(want):
    change = np.abs(after - before[path]).max()
    np.testing.assert_allclose(
        got[path],
        after,
        rtol=0,
        atol=1e-2 * change + 1e-7,
        err_msg=jax.tree_util.keystr(path),
    )
    if path[0].key == "batch_stats":
      assert change > 0, path


def test_what_is_overwritten_is_what_nobody_asks_for():
  """PyTorch refuses a gradient otherwise; here activations and sums are."""
  one = subject(MODELS["pspnet"])
  variables = subjects.draw_variables(one.model, SHAPE)
  steps = peer(one, variables)._replay.steps
  relus = [step.function for step in steps if step.name == "relu"]
  alone = [f for f in relus if f.func is not torch_layers.on_maps]
  # Behind a convolution's norm in one step with it, behind a sum by itself.
  assert len(alone) < len(relus) / 2
  assert all(f.keywords == {"inplace": True} for f in alone)
  assert "layout" not in [step.name for step in steps]


class Layers(nn.Module):
  """Normalisations and dropout of every kind."""

  num_classes: int = 3
  rate: float = 0.0

  @nn.compact
  def __call__(self, image, *, train):
    x = layers.BatchNorm(momentum=0.5, name="norm")(image, train=train)
    x = layers.BatchNorm(frozen=True, name="frozen")(x, train=train)
    x = layers.BatchNorm(batch_statistics=True, name="batch")(x, train=train)
    mean = jnp.mean(x[:1], (1, 2), keepdims=True) + 1
    x = x + layers.BatchNorm(name="single")(mean, train=train)
    x = layers.Conv(self.num_classes, 1, name="conv")(x)
    x = layers.Dropout(self.rate, name="drop")(x, train=train)
    drop = layers.Dropout(self.rate, channels=True, name="drop_channels")
    return {"logits": x, "channels": drop(x, train=train)}


def test_statistics_move_as_ours_do():
  """Frozen, with another momentum, and of a single position."""
  one = subject(Layers(), learning_rate=0.0)
  variables = subjects.draw_variables(one.model, SHAPE)
  image, label = batch()
  other = peer(one, variables)
  other.step(torch.tensor(image), torch.tensor(label))
  _, want = ours(one, variables, image, label, 1)
  got = other.variables()["batch_stats"]
  jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
      got,
      jax.device_get(want["batch_stats"]),
  )
  assert float(got["frozen"]["mean"].std()) == 0
  assert float(np.abs(got["single"]["mean"]).max()) > 0.01


def test_dropout_draws_another_mask_each_time():
  one = subject(Layers(rate=0.4))
  variables = subjects.draw_variables(one.model, SHAPE)
  other = peer(one, variables)
  assert other.has_dropout
  image = torch.tensor(batch()[0])
  first, second = (other._replay.run(image)["logits"] for _ in range(2))
  assert abs(float((first == 0).float().mean()) - 0.4) < 0.03
  assert not torch.equal(first == 0, second == 0)
  whole = torch_layers.WHOLE["dropout"]
  ones = torch.ones(8, 4, 5, 64)
  dropped = whole(ones, rate=0.4, channels=True)
  assert torch.equal(dropped[:, 0, 0], dropped[:, 3, 4])
  assert abs(float((dropped == 0).float().mean()) - 0.4) < 0.1


@pytest.mark.parametrize("transposed, groups", ((0, 1), (0, 2), (1, 1), (1, 2)))
def test_a_kernel_in_pytorchs_layout_is_the_same_kernel(transposed, groups):
  x = np.random.default_rng(0).standard_normal((2, 5, 6, 4), np.float32)
  shape = (3, 2, 4 // groups, 6)
  kernel = np.random.default_rng(1).standard_normal(shape, np.float32)
  function = ops.conv_transpose if transposed else ops.conv
  name = "conv_transpose" if transposed else "conv"
  options = {"stride": 2, "padding": 1, "groups": groups}
  want = function(x, kernel, **options)
  options["output_padding" if transposed else "dilation"] = int(not transposed)
  layout = torch_layers.Layout(bool(transposed), groups)
  stored = layout(torch.tensor(kernel))
  got = torch_layers.WHOLE[name](torch.tensor(x), stored, **options)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
  assert np.array_equal(layout.back(stored), kernel)


@pytest.mark.parametrize("denominator", ("valid", "weight", "all"))
@pytest.mark.parametrize("weights", ((), (0.5, 1.0, 2.0)))
def test_losses_are_the_same(denominator, weights):
  model = Layers()
  one = subject(model, class_weights=weights, denominator=denominator)
  variables = subjects.draw_variables(model, SHAPE)
  image, label = batch()
  outputs = measure_training.training(one)(variables, image)
  want, _ = one.loss_fn(outputs, label.astype(np.int32))
  with torch.no_grad():
    got = peer(one, variables).loss(torch.tensor(image), torch.tensor(label))
  np.testing.assert_allclose(float(got), float(want), rtol=1e-5)


class Maps(nn.Module):
  """A backbone."""

  @nn.compact
  def __call__(self, image, *, train):
    x = layers.Conv(4, 3, 2, name="conv1")(image)
    return {"c1": x, "c2": layers.Conv(8, 3, 2, name="conv2")(x)}


def test_a_backbone_learns_from_its_features():
  one = subject(Maps())
  variables = subjects.draw_variables(one.model, SHAPE)
  image, label = batch()
  outputs = measure_training.training(one)(variables, image)
  want, _ = one.loss_fn(outputs, label)
  with torch.no_grad():
    got = peer(one, variables).loss(torch.tensor(image), torch.tensor(label))
  np.testing.assert_allclose(float(got), float(want), rtol=1e-4)


def test_a_configs_recipe_is_its_loss_and_its_optimiser():
  config = config_lib.load("configs/segnet_camvid.py")
  assert len(config.loss.weights) == 11
  config.optimizer.head_factor = 10.0
  recipe = recipes.of_config(config)
  logits = np.random.default_rng(0).standard_normal((1, 9, 9, 11), np.float32)
  label = np.arange(81).reshape(1, 9, 9) % 12
  label[label == 11] = 255
  want = build.loss(config, 11)({"logits": logits}, label)[0]
  got = recipe.loss_fn()({"logits": logits}, label)[0]
  np.testing.assert_allclose(got, want, rtol=1e-6)
  params = {
      "backbone": {"kernel": np.ones((2, 2))},
      "head": {"bias": np.ones(2)},
  }
  params = jax.tree.map(jnp.float32, params)
  tx = build.optimizer(config)[0]
  want, got = (
      t.update(params, t.init(params), params)[0] for t in (tx, recipe.tx())
  )
  jax.tree.map(np.testing.assert_array_equal, got, want)


@pytest.mark.parametrize(
    "change, message",
    (
        ({"loss.name": "ohem"}, "config.loss has ohem"),
        ({"loss.label_smoothing": 0.1}, "cross_entropy, label_smoothing"),
        ({"optimizer.name": "adamw"}, "SGD alone"),
        ({"accumulation_steps": 2}, "accumulation_steps 2"),
    ),
)
def test_what_has_no_counterpart_is_said(change, message):
  config = config_lib.load("configs/segnet_camvid.py")
  config.update_from_flattened_dict(change)
  with pytest.raises(NotImplementedError, match=message):
    recipes.of_config(config)
