"""DeconvNet: its tables, its sizes, and the proposals put together."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.models import deconvnet
from tests import variables as draws
from tests.models import tiny

TINY, _ = tiny.MODELS["DeconvNet"]


def test_the_code_and_the_maps_are_those_of_the_paper():
  """7x7 -> 1x1x4096 -> 7x7x512, and a mirrored VGG-16 up to 224x224x64."""
  image = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
  model = deconvnet.DeconvNet(21)
  apply = functools.partial(
      model.apply, train=False, capture_intermediates=True, mutable=True
  )
  _, state = jax.eval_shape(apply, draws.shapes(model, image), image)
  maps = {
      name: calls["__call__"][0].shape[1:]
      for name, calls in state["intermediates"].items()
      if name not in ("backbone", "__call__")
  }
  assert maps == {
      "fc6": (1, 1, 4096),
      "fc7": (1, 1, 4096),
      "fc6_deconv": (7, 7, 512),
      "deconv5_1": (14, 14, 512),
      "deconv5_2": (14, 14, 512),
      "deconv5_3": (14, 14, 512),
      "deconv4_1": (28, 28, 512),
      "deconv4_2": (28, 28, 512),
      "deconv4_3": (28, 28, 256),
      "deconv3_1": (56, 56, 256),
      "deconv3_2": (56, 56, 256),
      "deconv3_3": (56, 56, 128),
      "deconv2_1": (112, 112, 128),
      "deconv2_2": (112, 112, 64),
      "deconv1_1": (224, 224, 64),
      "deconv1_2": (224, 224, 64),
      "classifier": (224, 224, 21),
  }


def test_a_smaller_image_is_one_continued_with_zeros():
  """Sides grow to a multiple of 32, and to the code's window at least."""
  image = np.asarray(jax.random.normal(jax.random.key(0), (1, 40, 70, 3)))
  whole = np.pad(image, ((0, 0), (0, 24), (0, 26), (0, 0)))
  variables = draws.draw(TINY, whole)
  want = draws.forward(TINY, variables, whole)["logits"][:, :40, :70]
  got = draws.forward(TINY, variables, image)["logits"]
  np.testing.assert_allclose(got, want, atol=1e-5 * np.std(want))


@pytest.mark.parametrize("how", ("max", "sum"))
def test_proposals_are_put_together_in_their_boxes(how):
  """Eqs. (1) and (2): each map in its box, zeros outside of it."""
  rng = np.random.default_rng(0)
  scores = rng.standard_normal((2, 4, 4, 3)).astype(np.float32)
  boxes = np.array([[1, 2, 4, 4], [3, 0, 8, 8]])
  placed = np.zeros((2, 9, 9, 3), np.float32)
  placed[0, 1:5, 2:6] = scores[0]
  doubled = jax.image.resize(scores[1], (8, 8, 3), "bilinear")
  placed[1, 3:, :8] = doubled[:6]
  want = placed.max(0) if how == "max" else placed.sum(0)
  got = jax.jit(functools.partial(deconvnet.aggregate, size=(9, 9), how=how))(
      scores, boxes
  )
  np.testing.assert_allclose(got, want, atol=1e-5)


def test_an_unknown_aggregation_is_refused():
  with pytest.raises(ValueError, match="how is 'mean'; possible are"):
    deconvnet.aggregate(
        jnp.zeros((1, 2, 2, 3)), jnp.ones((1, 4), int), (4, 4), how="mean"
    )
