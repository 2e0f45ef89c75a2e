"""SegNet and SegNet-Basic against what their paper states."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.models import segnet
from tests import variables as draws
from tests.models import tiny


def count(model):
  """Parameters, in millions."""
  image = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
  params = draws.shapes(model, image)["params"]
  return sum(x.size for x in jax.tree.leaves(params)) / 1e6


@pytest.mark.parametrize(
    "variant, millions",
    (
        ({}, 1.425),
        ({"encoder_addition": True}, 1.425),
        ({"single_channel_decoder": True}, 0.625),
    ),
    ids=("basic", "EncoderAddition", "SingleChannelDecoder"),
)
def test_table_1_states_the_parameters(variant, millions):
  model = segnet.SegNetBasic(11, **variant)
  assert count(model) == pytest.approx(millions, rel=0.01)


def test_every_encoder_has_its_decoder():
  """Sec. 3: 13 layers each, the last of which is the classifier."""
  image = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
  params = draws.shapes(segnet.SegNet(11), image)["params"]
  encoders = set(params["backbone"])
  decoders = {k for k in params if k.startswith("decode")} | {"classifier"}
  assert len(encoders) == len(decoders) == 13
  for name, layer in params.items():
    if name.startswith("decode"):
      mirrored = params["backbone"][name.replace("decode", "conv")]
      kernel = layer["conv"]["kernel"].shape
      assert kernel == (*mirrored["conv"]["kernel"].shape[:2], *kernel[2:])
      _, _, inputs, outputs = mirrored["conv"]["kernel"].shape
      assert kernel[2:] == (outputs, inputs)


def test_the_basic_decoder_is_linear_and_has_no_biases():
  """Sec. 3.1, but for the classifier."""
  image = np.asarray(jax.random.normal(jax.random.key(0), (1, 32, 32, 3)))
  model = segnet.SegNetBasic(3, 8, 3)
  params = draws.shapes(model, image)["params"]
  for name, layer in params.items():
    if name != "classifier":
      assert set(layer["conv"]) == {"kernel"}, name
  variables = draws.draw(model, image)
  _, state = model.apply(
      variables,
      image,
      train=False,
      capture_intermediates=True,
      mutable=["intermediates"],
  )
  maps = state["intermediates"]
  for i in range(1, 5):
    assert maps[f"encode{i}"]["__call__"][0].min() == 0
    assert maps[f"decode{i}"]["__call__"][0].min() < 0


@pytest.mark.parametrize("name", ("SegNet", "SegNetBasic"))
def test_logits_move_with_the_cells_of_the_pools(name):
  """Away from the border: by a whole cell exactly, by a pixel not."""
  model, _ = tiny.MODELS[name]
  image = np.asarray(jax.random.normal(jax.random.key(0), (1, 640, 32, 3)))
  variables = draws.draw(model, image)
  want = draws.forward(model, variables, image)["logits"]
  got = draws.forward(model, variables, np.roll(image, 32, axis=1))["logits"]
  inside = slice(288, 352)
  np.testing.assert_allclose(
      got[:, inside],
      np.roll(want, 32, axis=1)[:, inside],
      atol=1e-4 * np.std(want),
  )
  single = draws.forward(model, variables, np.roll(image, 1, axis=1))["logits"]
  assert np.abs(single - np.roll(want, 1, axis=1)).max() > 0.01 * np.std(want)


def test_the_deepest_map_has_a_context_of_106_pixels():
  """Sec. 3.1: what a pixel of layer 4 can be traced back to."""
  model = segnet.SegNetBasic(2, 2)
  image = np.asarray(jax.random.normal(jax.random.key(0), (1, 256, 160, 1)))
  variables = draws.draw(model, image)
  # Positive weights, so that no ReLU and no sum hides what is seen.
  variables = jax.tree.map(lambda x: jnp.abs(x) + 0.01, variables)

  @jax.jit
  def deepest(image):
    _, state = model.apply(
        variables,
        image,
        train=False,
        capture_intermediates=True,
        mutable=["intermediates"],
    )
    encoded = state["intermediates"]["encode4"]["__call__"][0]
    return encoded.reshape(1, 16, 2, -1).max((2, 3))[0, 8]

  # The pool of layer 4: which rows of the image can change it?
  ones = np.ones_like(image)
  want = deepest(ones)
  seen = []
  for row in range(256):
    changed = ones.copy()
    changed[:, row] += 1.0
    if deepest(changed) != want:
      seen.append(row)
  assert seen == list(range(seen[0], seen[0] + 106))
