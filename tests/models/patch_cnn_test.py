"""Patch classification: Table 1, and the dense form that equals it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.models import patch_cnn
from tests import variables as draws

TINY = dict(window=21, kernel_sizes=(4, 4), features=3, hidden=5)


def test_the_maps_are_those_of_table_1():
  """92, 42, 18 and 6 neurons a side, then 200 and 2."""
  model = patch_cnn.PatchCNN(2, form="patches")
  image = jax.ShapeDtypeStruct((1, 95, 95, 1), jnp.float32)
  apply = functools.partial(
      model.apply, train=False, capture_intermediates=True, mutable=True
  )
  _, state = jax.eval_shape(apply, draws.shapes(model, image), image)
  maps = state["intermediates"]
  shapes = {
      name: calls["__call__"][0].shape[1:]
      for name, calls in maps.items()
      if name != "__call__"
  }
  assert shapes == {
      "conv1": (92, 92, 48),
      "conv2": (42, 42, 48),
      "conv3": (18, 18, 48),
      "conv4": (6, 6, 48),
      "hidden": (1, 1, 200),
      "classifier": (1, 1, 2),
  }


def test_both_forms_have_the_same_parameters():
  image = jax.ShapeDtypeStruct((1, 95, 95, 1), jnp.float32)
  dense = draws.shapes(patch_cnn.PatchCNN(2), image)
  assert dense == draws.shapes(patch_cnn.PatchCNN(2, form="patches"), image)


@pytest.mark.parametrize(
    "options",
    (
        TINY,
        TINY | {"window": 25, "kernel_sizes": (2, 3, 4)},
        {"features": 2, "hidden": 3},
    ),
    ids=("two", "three", "N4"),
)
def test_the_dense_form_is_the_sliding_window(options):
  """At every pixel, borders included, to rounding."""
  model = patch_cnn.PatchCNN(3, **options)
  rng = np.random.default_rng(0)
  image = rng.standard_normal((2, 9, 12, 2)).astype(np.float32)
  variables = draws.draw(model, image)
  got = draws.forward(model, variables, image)["logits"]
  slide = jax.jit(functools.partial(patch_cnn.slide, model))
  want = slide(variables, image)
  assert got.shape == want.shape == (2, 9, 12, 3)
  assert np.std(want) > 0.1
  np.testing.assert_allclose(got, want, atol=2e-5)


def test_a_pixel_sees_its_window_and_nothing_else():
  model = patch_cnn.PatchCNN(2, **TINY)
  image = jax.random.normal(jax.random.key(0), (1, 64, 64, 1))
  variables = draws.draw(model, image)
  pixel = lambda x: model.apply(variables, x, train=False)["logits"][0, 32, 32]
  seen = np.any(jax.jacobian(pixel)(image)[:, 0, ..., 0], axis=0)
  rows, columns = np.nonzero(seen)
  for places in (rows, columns):
    assert places.min() >= 22
    assert places.max() <= 42
    assert np.ptp(places) >= 18


@pytest.mark.parametrize(
    "options, message",
    (
        ({"form": "sparse"}, r"form is 'sparse'; there are \('dense'"),
        ({"window": 94}, "window of 94 .* must be odd"),
        ({"kernel_sizes": (4, 4)}, r"pools maps of \[92, 43\]"),
        ({"form": "patches"}, r"95 pixels high and wide, not \(16, 16\)"),
    ),
)
def test_what_does_not_fit_is_refused(options, message):
  model = patch_cnn.PatchCNN(2, **options)
  with pytest.raises(ValueError, match=message):
    model.init(jax.random.key(0), jnp.zeros((1, 16, 16, 1)), train=False)
