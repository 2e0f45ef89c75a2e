"""A folded network computes what the network computes, with less."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers
from segjax.backbones import densenet, resnet
from segjax.layers import fold
from segjax.models import deeplab_v3
from tests import variables as draws
from tests.models.tiny import MODELS, ONE_OF_EACH_CLASS, tiny_resnet

SHAPE = (1, 33, 49, 3)
IMAGE = np.asarray(jax.random.normal(jax.random.key(0), SHAPE))


def double(tree):
  return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def norms(variables):
  """Paths of the BatchNorms that have statistics."""
  leaves = jax.tree_util.tree_leaves_with_path(variables.get("batch_stats", {}))
  paths = {
      jax.tree_util.keystr(path[:-1], simple=True, separator="/")
      for path, _ in leaves
  }
  return paths


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")
@pytest.mark.parametrize("name", ONE_OF_EACH_CLASS)
def test_every_network_computes_the_same(name):
  """In double precision, where rounding does not hide a mistake.

  (Resizing rounds to single precision at the end.)
  """
  model, _ = MODELS[name]
  with jax.enable_x64(True):
    variables = double(draws.draw(model, IMAGE))
    folded, less = fold.fold(model, variables, SHAPE)
    if not norms(variables) - norms(less):
      assert folded is model
      return
    want = draws.forward(model, variables, double(IMAGE))
    got = draws.forward(folded, less, double(IMAGE))
  assert got.keys() == want.keys()
  for key, y in want.items():
    error = np.abs(np.asarray(got[key]) - np.asarray(y)).max()
    assert error < 1e-6 * np.std(y), key


def test_single_precision_is_equal_to_1e_5():
  model, _ = MODELS["DeepLabV3"]
  variables = draws.draw(model, IMAGE)
  want = draws.forward(model, variables, IMAGE)
  folded, less = fold.fold(model, variables)
  got = draws.forward(folded, less, IMAGE)
  for key, y in want.items():
    assert np.abs(got[key] - y).max() < 1e-5 * np.std(y), key


def test_nothing_is_left_of_a_resnet_s_normalisations_but_biases():
  """What remains are the leaves of the same network with biases for norms."""
  model = deeplab_v3.DeepLabV3(4, tiny_resnet(), features=8)
  biased = deeplab_v3.DeepLabV3(
      4, tiny_resnet(norm=layers.Bias), features=8, norm=layers.Bias
  )
  _, less = fold.fold(model, draws.draw(model, IMAGE))
  want = draws.shapes(biased, IMAGE)
  assert jax.tree.structure(less) == jax.tree.structure(want)
  shapes = jax.tree.map(lambda x, y: x.shape == y.shape, less, want)
  assert jax.tree.all(shapes)
  # So that network computes the same from them.
  folded, _ = fold.fold(model, draws.draw(model, IMAGE))
  got = biased.apply(less, IMAGE, train=False)["logits"]
  want = folded.apply(less, IMAGE, train=False)["logits"]
  np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("depth", (50, 101))
def test_all_of_a_full_size_resnet_folds(depth):
  model = resnet.ResNet(resnet.STAGE_SIZES[depth])
  image = jax.ShapeDtypeStruct((1, 65, 65, 3), jnp.float32)
  # Three convolutions a block, a projection a stage, the stem.
  assert len(fold.find(model, draws.shapes(model, image))) == depth - 1 + 4


def test_a_norm_before_its_convolution_stays():
  """A dense layer is norm, 1x1, norm, 3x3: the second norm folds alone."""
  sizes = (2, 1, 1, 3)
  model = densenet.DenseNet(sizes, 8, 8)
  image = jax.ShapeDtypeStruct((1, 65, 65, 3), jnp.float32)
  variables = draws.shapes(model, image)
  # One in each layer, and the stem's.
  assert len(fold.find(model, variables)) == sum(sizes) + 1
  # Another in each layer, one of each of three transitions, the last one.
  assert len(norms(variables)) == 2 * sum(sizes) + 1 + 3 + 1


class Case(nn.Module):
  """A convolution, a norm, and what stands between them or reads them too."""

  kind: str
  conv: nn.Module = layers.Conv(6, 3, groups=3, use_bias=False)
  batch_statistics: bool = False

  @nn.compact
  def __call__(self, image, *, train):
    x = y = self.conv(image)
    if self.kind == "between":
      x = nn.relu(x)
    norm = layers.BatchNorm(batch_statistics=self.batch_statistics, name="norm")
    x = norm(x, train=train)
    if self.kind == "beside":
      x = x + y
    if self.kind == "twice":
      x = x + norm(self.conv(image[:, ::-1]), train=train)
    if self.kind == "norm of another":
      x = x + norm(image[..., :1] + jnp.zeros(6), train=train)
    if self.kind == "another's norm":
      other = layers.BatchNorm(name="other")
      x = x + other(self.conv(image[:, ::-1]), train=train)
    return {"logits": x, "raw": y} if self.kind == "result" else {"logits": x}


TRANSPOSE = layers.ConvTranspose(6, 4, 2, 1, use_bias=False)
CASES = {
    "grouped": (Case("alone"), True),
    "transposed": (Case("alone", TRANSPOSE), True),
    "grouped and transposed": (
        Case("alone", TRANSPOSE.clone(groups=3, use_bias=True)),
        True,
    ),
    "with a bias": (Case("alone", layers.Conv(6, 3)), True),
    "called twice": (Case("twice"), True),
    "an activation between": (Case("between"), False),
    "a second reader": (Case("beside"), False),
    "the convolution is a result": (Case("result"), False),
    "the norm of two": (Case("norm of another"), False),
    "two norms": (Case("another's norm"), False),
    "statistics of the batch": (Case("alone", batch_statistics=True), False),
}


@pytest.mark.parametrize("name", CASES)
def test_what_folds_is_what_no_one_else_reads(name):
  model, folds = CASES[name]
  variables = draws.draw(model, IMAGE)
  folded, less = fold.fold(model, variables, SHAPE)
  assert isinstance(folded, fold.Folded) == folds
  assert ("batch_stats" in less) == (not folds)
  if not folds:
    assert less is variables
  want = model.apply(variables, IMAGE, train=False)["logits"]
  got = folded.apply(less, IMAGE, train=False)["logits"]
  np.testing.assert_allclose(got, want, atol=1e-5 * np.std(want))


def test_a_bias_stays_in_the_convolution():
  model, _ = CASES["with a bias"]
  _, less = fold.fold(model, draws.draw(model, IMAGE))
  assert {k: set(v) for k, v in less["params"].items()} == {
      "conv": {"kernel", "bias"}
  }


def test_what_is_folded_is_not_for_training():
  model, _ = CASES["grouped"]
  folded, less = fold.fold(model, draws.draw(model, IMAGE))
  with pytest.raises(ValueError, match="for inference alone"):
    folded.apply(less, IMAGE, train=True, mutable=["batch_stats"])


def test_the_network_and_its_variables_stay_as_they_were():
  model, _ = MODELS["DeepLabV3"]
  variables = draws.draw(model, IMAGE)
  before = jax.tree.map(np.array, variables)
  fold.fold(model, variables)
  assert jax.tree.structure(variables) == jax.tree.structure(before)
  assert jax.tree.all(jax.tree.map(np.array_equal, variables, before))
