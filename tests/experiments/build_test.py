"""Names in a config become objects, or an error that names what there is."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import common
from experiments import build, names
from segjax import layers, losses
from segjax.backbones import resnet
from segjax.models import deeplab_v3
from segjax.training import optimizer


@pytest.fixture
def config():
  return common.defaults()


def deeplab(config):
  config.model = dict(name="deeplab_v3.DeepLabV3", rates=(6, 12))
  config.backbone = dict(name="resnet.ResNet", output_stride=16)
  config.norm = dict(name="BatchNorm", momentum=0.99)
  return config


def test_a_model_gets_its_backbone_its_norm_and_its_classes(config):
  model = build.model(deeplab(config), 7)
  assert isinstance(model, deeplab_v3.DeepLabV3)
  assert (model.num_classes, model.rates) == (7, (6, 12))
  assert isinstance(model.backbone, resnet.ResNet)
  assert model.backbone.output_stride == 16
  for module in (model, model.backbone):
    assert module.norm.func is layers.BatchNorm
    assert module.norm.keywords == {"momentum": 0.99}
  hash(model)  # It is a static argument of compiled functions.


def test_a_norm_without_keywords_is_the_class_itself(config):
  config.norm = dict(name="GroupNorm")
  assert build.model(config, 2).norm is layers.GroupNorm


def test_a_class_of_the_users_own_package_is_found(config):
  config.model = dict(name="tests.training.tiny.Net", dropout_rate=0.25)
  model = build.model(config, 3)
  assert type(model).__module__ == "tests.training.tiny"
  assert model.dropout_rate == 0.25


@pytest.mark.parametrize(
    "section, value, message",
    (
        (
            "model",
            dict(name="deeplab_v3.DeepLabv3"),
            "did you mean deeplab_v3.DeepLabV3",
        ),
        ("model", dict(name="nothing.like.this"), ", deeplab_v3.DeepLabV3, "),
        ("model", dict(name="UNet"), "did you mean unet.UNet"),
        (
            "model",
            dict(name="deeplab_v3.DeepLabV3", rate=(1,)),
            "has no 'rate'; did you mean rates?",
        ),
        (
            "model",
            dict(name="deeplab_v3.DeepLabV3", norm="x"),
            "has no 'norm'",
        ),
        ("model", dict(name="unet.UNet"), "takes no backbone"),
        ("backbone", dict(name=""), "needs a config.backbone.name"),
        ("backbone", dict(name="resnet.Resnet"), "did you mean resnet.ResNet"),
        (
            "backbone",
            dict(name="resnet.ResNet", stages=(1,)),
            "did you mean stage_sizes?",
        ),
        ("norm", dict(name="Batchnorm"), "did you mean BatchNorm?"),
        (
            "norm",
            dict(name="BatchNorm", momentm=1),
            "did you mean momentum?",
        ),
    ),
)
def test_a_mistake_names_what_is_possible(config, section, value, message):
  config = deeplab(config)
  config[section] = value
  with pytest.raises(ValueError) as error:
    build.model(config, 3)
  assert message in str(error.value)


def test_the_names_in_an_error_can_all_be_used(config):
  for name in names.names("segjax.models"):
    fields = names.resolve(name, "segjax.models").__dataclass_fields__
    assert "num_classes" in fields
  assert "resnet.ResNet" in names.names("segjax.backbones")


def test_the_loss_weighs_outputs_and_classes(config):
  logits = jnp.zeros((1, 2, 2, 2)).at[..., 0].set(1.0)
  labels = jnp.array([[[0, 1], [1, 255]]])
  config.loss = dict(
      name="cross_entropy", aux=dict(aux=0.5), weights=(0.0, 2.0)
  )
  total, terms = build.loss(config, 2)(
      {"logits": logits, "aux": logits}, labels
  )
  wrong = np.log1p(np.e)
  np.testing.assert_allclose(terms["loss/aux"], 2 * 2 * wrong / 3, rtol=1e-5)
  np.testing.assert_allclose(total, 1.5 * terms["loss/aux"], rtol=1e-6)


def test_outputs_may_have_losses_of_their_own(config):
  config.loss = dict(
      name="ohem_cross_entropy",
      min_kept=1,
      aux={
          "aux": 0.4,
          "logits/dice": dict(name="dice", weight=0.5, smooth=1.0),
          "presence": dict(name="presence", weight=0.2),
      },
  )
  logits = jnp.arange(12.0).reshape(1, 2, 2, 3)
  labels = jnp.array([[[0, 1], [1, 255]]])
  outputs = {"logits": logits, "aux": -logits, "presence": logits[:, 0, 0]}
  total, terms = build.loss(config, 3)(outputs, labels)
  ohem = functools.partial(losses.ohem_cross_entropy, min_kept=1)
  want = (
      ohem(logits, labels)
      + 0.4 * ohem(-logits, labels)
      + 0.5 * losses.dice(logits, labels, smooth=1.0)
      + 0.2 * losses.presence(outputs["presence"], labels)
  )
  np.testing.assert_allclose(total, want, rtol=1e-6)
  assert set(terms) == {
      "loss",
      "loss/logits",
      "loss/aux",
      "loss/logits/dice",
      "loss/presence",
  }


def test_weights_are_counted_on_the_training_split(config, monkeypatch):
  labels = [np.array([[0, 0], [0, 1]]), np.array([[0, 255], [255, 255]])]
  splits = {"train": [{"label": label} for label in labels]}
  monkeypatch.setattr(build, "source", lambda config, split: splits[split])
  config.loss.balance = "inverse_frequency"
  logits = jnp.zeros((1, 1, 2, 2))
  weighed, _ = build.loss(config, 2)({"logits": logits}, jnp.array([[[0, 0]]]))
  np.testing.assert_allclose(weighed, 5 / 4 / 2 * np.log(2), rtol=1e-6)


@pytest.mark.parametrize(
    "changes, message",
    (
        (
            dict(name="cross_entropy", balance="median"),
            "there are inverse_frequency, median_frequency, enet",
        ),
        (
            dict(name="focal", weights=(1.0, 2.0), balance="enet"),
            "both weights and balance",
        ),
        (dict(name="presence", balance="enet"), "has no 'balance'"),
        (dict(name="cross_entropy", pixel_weights=1), "has no 'pixel_weights'"),
        (
            dict(name="cross_entropy", aux={"border": {"name": "border"}}),
            "config.loss.aux['border'] has name; a loss of its own needs",
        ),
        (
            dict(
                name="cross_entropy",
                aux={"border": {"name": "border", "weight": 1, "rdius": 2}},
            ),
            "border has no 'rdius'; did you mean radius?",
        ),
        (dict(name="crossentropy"), "did you mean cross_entropy"),
        (dict(name="cross_entropy", smoothing=1), "did you mean label_smooth"),
        (dict(name="cross_entropy", weights=(1.0,)), "1 numbers for 2 classes"),
    ),
)
def test_a_mistake_in_the_loss_names_what_is_possible(config, changes, message):
  config.loss = changes
  with pytest.raises(ValueError) as error:
    build.loss(config, 2)
  assert message in str(error.value)


def test_the_optimizer_has_the_schedule_and_the_head_factor(config):
  config.optimizer = dict(name="sgd", momentum=0.0, head_factor=10.0)
  config.optimizer.weight_decay = 0.0
  config.schedule = dict(name="constant", peak=0.5)
  tx, schedule = build.optimizer(config)
  assert schedule(0) == 0.5
  params = {"backbone": {"kernel": jnp.ones(1)}, "head": jnp.ones(1)}
  updates, _ = tx.update(params, tx.init(params), params)
  assert dict(zip(optimizer.paths(updates), jax.tree.leaves(updates))) == {
      "backbone/kernel": -0.5,
      "head": -5.0,
  }


def test_unknown_presets_and_precisions_are_errors(config):
  config.preprocess = "imagenett"
  with pytest.raises(ValueError, match="caffe, imagenet, none, unit"):
    build.preprocess(config)
  config.precision = "float16"
  with pytest.raises(ValueError, match="float32, bfloat16"):
    build.dtype(config)
