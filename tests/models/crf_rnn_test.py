"""CRF-RNN: the reference's layer and network, and the paper's sentences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import convert
from segjax.models import crf_rnn, fcn
from tests import crf_golden
from tests import variables as draws
from tests.models import tiny

NAMES = {
    "spatial": "spatial_ker_weights",
    "bilateral": "bilateral_ker_weights",
    "compatibility": "compatibility_matrix",
}


@pytest.mark.parametrize(
    "method, output", (("lattice", "out"), ("exact", "exact_gaussian"))
)
@pytest.mark.parametrize("iterations", (1, 5, 10))
def test_the_layer_is_the_reference_s(iterations, method, output):
  arrays, meta = crf_golden.load(f"crfrnn_layer_it{iterations}.npz")
  tensors, maps = crf_golden.tensors(arrays), crf_golden.inputs(meta)
  layer = crf_rnn.MeanField(matrix_weights=True, method=method)
  params = {ours: tensors[theirs].T for ours, theirs in NAMES.items()}
  apply = jax.jit(functools.partial(layer.apply, iterations=iterations))
  result = apply({"params": params}, maps["logits"], maps["image"])
  assert crf_golden.error(result, arrays, meta, output) < 1e-4


@pytest.mark.heavy
def test_the_network_is_the_reference_s():
  arrays, meta = crf_golden.load("crfasrnn_net.npz")
  model, variables = convert.load(
      "sadeepj/crfasrnn", crf_golden.tensors(arrays)
  )
  count = sum(x.size for x in jax.tree.leaves(variables))
  assert count == meta["param_count"]
  outputs = draws.forward(model, variables, crf_golden.inputs(meta)["input"])
  assert crf_golden.error(outputs["logits"], arrays, meta, "out") < 1e-3


def test_parameters_are_fcn_8s_s_and_the_crf_s():
  """One number per class and kernel (Sec. 4.2), and a matrix of classes."""
  image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  count = lambda model: sum(
      x.size for x in jax.tree.leaves(draws.shapes(model, image))
  )
  extra = count(crf_rnn.CRFRNN(21)) - count(fcn.FCN(21))
  assert extra == 2 * 21 + 21 * 21


def test_training_has_5_iterations_and_test_10():
  """The same weights in each (Sec. 5.1), and the scores of FCN-8s first."""
  model = crf_rnn.CRFRNN(dropout_rate=0.0, **tiny.FCN)
  rng = np.random.default_rng(0)
  image = (30 * rng.standard_normal((2, 24, 31, 3))).astype(np.float32)
  variables = draws.draw(model, image)
  params = dict(variables["params"])
  crf = {"params": params.pop("crf")}
  unary = fcn.FCN(**tiny.FCN).apply({"params": params}, image, train=False)
  for train, iterations in ((True, 5), (False, 10)):
    got = model.apply(variables, image, train=train)["logits"]
    want = crf_rnn.MeanField().apply(crf, unary["logits"], image, iterations)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_it_begins_as_a_potts_model():
  """Fresh weights are a dense CRF of weights 3 and 5 with weighted means."""
  logits = jax.random.normal(jax.random.key(0), (1, 6, 7, 3))
  image = 20 * jax.random.normal(jax.random.key(1), (1, 6, 7, 3))
  potts = {
      "spatial": jnp.full(3, 3.0),
      "bilateral": jnp.full(3, 5.0),
      "compatibility": jnp.eye(3) - 1,  # Minus Potts' energies.
  }
  want = crf_rnn.MeanField().apply({"params": potts}, logits, image, 2)
  for matrix_weights in (False, True):
    layer = crf_rnn.MeanField(matrix_weights=matrix_weights)
    got, _ = layer.init_with_output(jax.random.key(2), logits, image, 2)
    np.testing.assert_allclose(
        jax.nn.softmax(got), jax.nn.softmax(want), atol=1e-5
    )
