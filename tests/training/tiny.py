"""A network and batches small enough for tests of training."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from segjax import layers, losses
from segjax.training import optimizer
from segjax.training import state as state_lib

NUM_CLASSES = 3


class Stage(nn.Module):
  features: int
  norm: layers.ModuleDef

  @nn.compact
  def __call__(self, x, *, train):
    return layers.ConvNormAct(
        self.features,
        use_bias=True,
        norm=self.norm,
        act=nn.softplus,
        name="block",
    )(x, train=train)


class Backbone(nn.Module):
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(self, image, *, train):
    x = image
    for i in (1, 2):
      x = Stage(4 * i, self.norm, name=f"layer{i}")(x, train=train)
    return {"c1": x}


class Net(nn.Module):
  num_classes: int = NUM_CLASSES
  dropout_rate: float = 0.0
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(self, image, *, train):
    x = Backbone(self.norm, name="backbone")(image, train=train)["c1"]
    x = layers.Dropout(self.dropout_rate, name="dropout")(x, train=train)
    head = layers.Conv(self.num_classes, 1, name="head")
    aux = layers.Conv(self.num_classes, 1, name="aux_head")
    return {"logits": head(x), "aux": aux(x)}


def batch(seed=0, n=4, size=8):
  """Uneven: the first image has few labelled pixels."""
  rng = np.random.default_rng(seed)
  image = rng.integers(0, 256, (n, size, size, 3), np.uint8)
  label = (image[..., 0] // 86).astype(np.uint8)
  label[0, 1:] = 255
  return {"image": image, "label": label}


def preprocess(image):
  return image.astype(jnp.float32) / 127.5 - 1


def parts(model=None, **options):
  """The keywords of `train_step`, and a fresh state."""
  model = model or Net()
  options = {"name": "sgd", "weight_decay": 1e-4} | options
  tx = optimizer.optimizer(learning_rate=0.1, **options)
  loss_fn = losses.combine(
      {
          "logits": (losses.cross_entropy, 1.0),
          "aux": (losses.cross_entropy, 0.4),
      }
  )
  state = state_lib.init_state(model, tx, jax.random.key(0), (1, 8, 8, 3))
  step = dict(model=model, loss_fn=loss_fn, tx=tx, preprocess=preprocess)
  return state, step


def leaves(tree):
  return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def assert_same(one, other):
  """Equal to the last bit."""
  assert jax.tree.structure(one) == jax.tree.structure(other)
  for a, b in zip(leaves(one), leaves(other)):
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)


def assert_close(one, other, rtol=1e-5, atol=1e-6):
  assert jax.tree.structure(one) == jax.tree.structure(other)
  for a, b in zip(leaves(one), leaves(other)):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def global_norm(tree):
  return float(optax.global_norm(tree))
