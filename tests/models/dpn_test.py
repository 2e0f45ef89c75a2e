"""Deep Parsing Network: Table 1 (b), and what the text says of b12 to b15."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.models import dpn
from tests import variables as draws
from tests.models import tiny


def normal(*shape, seed=0):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def shapes(**options):
  image = jax.ShapeDtypeStruct((1, 512, 512, 3), jnp.float32)
  return draws.shapes(dpn.DPN(21, **options), image)["params"]


def test_layers_have_the_sizes_of_table_1():
  params = shapes()
  kernel = lambda name: params[name]["kernel"].shape
  assert kernel("b9") == (7, 7, 512, 4096)
  assert kernel("b10") == (1, 1, 4096, 4096)
  assert kernel("b11") == (1, 1, 4096, 21)
  assert kernel("b13") == (9, 9, 21, 105)
  backbone = sum(x.size for x in jax.tree.leaves(params["backbone"]))
  assert backbone == 14_714_688  # The convolutions of VGG-16.
  assert params["b12"]["log_widths"].shape == (4,)


@pytest.mark.parametrize("stage", dpn.STAGES)
def test_all_stages_have_the_same_parameters(stage):
  assert shapes(stage=stage) == shapes()


def test_features_have_stride_8():
  model, _ = tiny.MODELS["DPN"]
  image = jax.ShapeDtypeStruct((1, 64, 96, 3), jnp.float32)
  features = jax.eval_shape(
      lambda: model.backbone.init_with_output(
          jax.random.key(0), jnp.zeros(image.shape), train=False
      )[0]
  )
  assert features["c5"].shape[1:3] == (8, 12)


def triple_penalty(x, image, **options):
  layer = dpn.TriplePenalty(**options)
  return layer.init_with_output(jax.random.key(0), x, image)[0]


def test_b12_is_a_mean_over_the_window():
  """A constant map stays, at borders too, and no result leaves the range."""
  image = 50 * normal(1, 12, 15, 3)
  ones = np.ones((1, 12, 15, 2), np.float32)
  np.testing.assert_allclose(triple_penalty(ones, image, size=6), 1, rtol=1e-5)
  x = normal(1, 12, 15, 2, seed=1)
  y = triple_penalty(x, image, size=6)
  assert x.min() <= y.min()
  assert y.max() <= x.max()
  flat = triple_penalty(x, 0 * image, size=50, xy=1e4)
  np.testing.assert_allclose(
      flat, np.broadcast_to(x.mean((1, 2)), flat.shape), atol=1e-4
  )


def test_b12_stays_on_one_side_of_an_edge():
  """Neighbours count by their colour: another kernel at every pixel."""
  image = np.zeros((1, 10, 20, 3), np.float32)
  image[:, :, 10:] = 200
  x = normal(1, 10, 20, 1)
  changed = np.where(np.arange(20)[:, None] < 10, x, 7.0).astype(np.float32)
  before, after = (triple_penalty(y, image, size=9) for y in (x, changed))
  np.testing.assert_allclose(after[:, :, :10], before[:, :, :10], atol=1e-5)
  assert np.abs(before[:, :, :10] - x[:, :, :10]).max() > 0.1


def test_b12_ends_at_its_window():
  x = np.zeros((1, 21, 21, 1), np.float32)
  x[0, 10, 10] = 1
  y = triple_penalty(x, np.zeros((1, 21, 21, 3), np.float32), size=6)
  rows, columns = np.nonzero(np.asarray(y)[0, ..., 0] > 1e-6)
  # A window from -3 to 2 is reached by the pixels at 10 - 2 to 10 + 3.
  assert (rows.min(), rows.max()) == (8, 13)
  assert (columns.min(), columns.max()) == (8, 13)


def test_b14_takes_the_least_of_each_class_contexts():
  x = normal(2, 3, 4, 15)
  y = dpn.block_min_pool(x, 5)
  for u in range(3):
    np.testing.assert_array_equal(y[..., u], x[..., 5 * u : 5 * u + 5].min(-1))
  with pytest.raises(ValueError, match="15 channels are no blocks of 4"):
    dpn.block_min_pool(x, 4)


def test_b15_is_the_unary_term_minus_the_pairwise_one():
  """Log b11 - b14, with b11 a sigmoid and b14 from b13 on b12."""
  model, _ = tiny.MODELS["DPN"]
  image = normal(1, 24, 32, 3)
  variables = draws.draw(model, image)
  of = lambda stage: model.clone(stage=stage).apply(
      variables, image, train=False
  )["logits"]
  unary, b12 = of(1), jnp.exp(of(2))
  assert unary.max() < 0, "the logarithm of a probability"
  params = variables["params"]
  np.testing.assert_allclose(
      b12,
      dpn.TriplePenalty(4).apply(
          {"params": params["b12"]}, jnp.exp(unary), image
      ),
      rtol=1e-4,
  )
  b13 = jax.lax.conv_general_dilated(
      b12,
      params["b13"]["kernel"],
      (1, 1),
      "SAME",
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  b14 = dpn.block_min_pool(b13 + params["b13"]["bias"], 2)
  np.testing.assert_allclose(of(4), unary - b14, rtol=1e-3, atol=1e-4)
  np.testing.assert_allclose(of(3), of(4))


def test_other_stages_are_errors():
  with pytest.raises(ValueError, match=r"stage is 5; possible are \(1, 2"):
    dpn.DPN(2, stage=5).init(
        jax.random.key(0), jnp.zeros((1, 8, 8, 3)), train=False
    )
