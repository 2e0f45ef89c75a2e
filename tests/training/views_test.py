"""Views of an image are averaged as the protocol says."""

import dataclasses
import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import ops
from segjax.postprocess import dense_crf
from segjax.training import protocol as protocols
from segjax.training import views
from tests.training import tiny

Protocol = protocols.Protocol


class Place(nn.Module):
  """Logits that depend on the column and on the image's width."""

  @nn.compact
  def __call__(self, image, *, train):
    n, h, w, _ = image.shape
    column = jnp.broadcast_to(jnp.arange(w) / w, (n, h, w))
    return {"logits": jnp.stack([column, jnp.full_like(column, 0.4)], -1)}


class Local(nn.Module):
  """Logits that see the pixel alone, without parameters."""

  @nn.compact
  def __call__(self, image, *, train):
    return {"logits": jnp.concatenate([image, image[..., ::-1] ** 2], -1)}


@functools.cache
def net():
  """A small network, an image, and the network's variables."""
  model = tiny.Net()
  image = jax.random.uniform(jax.random.key(0), (2, 23, 31, 3))
  return model, image, model.init(jax.random.key(1), image, train=False)


def logits_of(image):
  model, _, variables = net()
  return np.asarray(model.apply(variables, image, train=False)["logits"])


def probabilities(image, **options):
  model, _, variables = net()
  return views.probabilities(
      model, variables, image, protocol=Protocol(**options)
  )


def test_scales_and_mirror_images_are_averaged_as_probabilities():
  """By hand: each view's logits at the image's size, softmax, mean."""
  image = net()[1][:, :8, :12]
  got = probabilities(image, scales=(1.0, 0.5, 1.5), flip=True)
  want = []
  for size in ((8, 12), (4, 6), (12, 18)):
    scaled = ops.resize_bilinear(image, size)
    for mirror in (lambda x: x, lambda x: x[:, :, ::-1]):
      logits = ops.resize_bilinear(mirror(logits_of(mirror(scaled))), (8, 12))
      want.append(nn.softmax(logits))
  np.testing.assert_allclose(got, sum(want) / 6, rtol=1e-5, atol=1e-6)


def test_flipping_makes_the_prediction_symmetric():
  image = jnp.zeros((1, 4, 6, 3))
  plain = views.probabilities(Place(), {}, image)
  both = views.probabilities(Place(), {}, image, protocol=Protocol(flip=True))
  assert not np.allclose(plain, plain[:, :, ::-1])
  np.testing.assert_allclose(both, both[:, :, ::-1], rtol=1e-6)


def naive(image, protocol):
  """Window after window, as one writes it down."""
  n, h, w, _ = image.shape
  m, (wh, ww) = protocol.margin, protocol.window
  padded = np.pad(image, ((0, 0), (m, m), (m, m), (0, 0)), mode="reflect")
  weights = ops.blend_weights(protocol.window, protocol.blend)[..., None]
  total, count = 0.0, np.zeros((h, w, 1))
  for y in ops.window_starts(h, wh, protocol.stride[0]):
    for x in ops.window_starts(w, ww, protocol.stride[1]):
      tile = padded[:, y : y + wh + 2 * m, x : x + ww + 2 * m]
      answers = []
      for step in (1, -1) if protocol.flip else (1,):
        logits = logits_of(tile[:, :, ::step])[:, :, ::step]
        soft = protocol.average == "probabilities"
        answers.append(nn.softmax(logits) if soft else logits)
      answer = np.mean(answers, 0)[:, m : m + wh, m : m + ww] * weights
      place = np.zeros((n, h, w, answer.shape[-1]))
      place[:, y : y + wh, x : x + ww] = answer
      total = total + place
      count[y : y + wh, x : x + ww] += weights
  mean = total / count
  return mean if protocol.average == "probabilities" else nn.softmax(mean)


SLIDING = {
    "touching": Protocol(window=(8, 8)),
    "overlapping": Protocol(window=(9, 12), stride=(5, 7)),
    "logits": Protocol(window=(9, 12), stride=(5, 7), average="logits"),
    "gaussian": Protocol(window=(10, 10), stride=(4, 9), blend="gaussian"),
    "linear, flip": Protocol(
        window=(10, 10), stride=(4, 9), blend="linear", flip=True
    ),
    "overlap-tile": Protocol(window=(8, 8), stride=(8, 8), margin=5),
    "as large as the image": Protocol(window=(23, 31)),
}


@pytest.mark.parametrize("name", SLIDING)
def test_sliding_windows_are_those_of_a_loop(name):
  """One program gives what a loop over windows gives, blended."""
  model, image, variables = net()
  protocol = SLIDING[name]
  want = naive(np.asarray(image), protocol)
  got = views.probabilities(model, variables, image, protocol=protocol)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SLIDING)
def test_strips_give_the_classes_of_the_whole(name):
  """The form that saves memory decides every pixel alike, ties aside."""
  model, image, variables = net()
  protocol = SLIDING[name]
  assert protocol.streams
  want = naive(np.asarray(image), protocol)
  got = np.asarray(views.classes(model, variables, image, protocol=protocol))
  chosen = np.take_along_axis(want, got[..., None], -1)[..., 0]
  np.testing.assert_allclose(chosen, want.max(-1), atol=1e-5)
  assert got.shape == image.shape[:3]


def test_an_image_smaller_than_the_window_is_padded():
  """With the fill, at the bottom and right, and the answer is cropped."""
  model, image, variables = net()
  options = dict(window=(32, 40), fill=(3, 5, 7))
  full = np.broadcast_to(np.float32([3, 5, 7]), (2, 32, 40, 3)).copy()
  full[:, :23, :31] = image
  want = nn.softmax(logits_of(full))[:, :23, :31]
  got = probabilities(image, **options)
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
  classes = views.classes(model, variables, image, protocol=Protocol(**options))
  np.testing.assert_array_equal(classes, jnp.argmax(want, -1))
  got = probabilities(image, pad_to=(32, 40), fill=(3, 5, 7))
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_the_longer_side_is_given():
  """Images of different sizes in one batch, each as it would be alone."""
  image, sizes = np.zeros((2, 23, 31, 3), np.float32), [(23, 17), (10, 31)]
  rng = np.random.default_rng(0)
  for row, (h, w) in enumerate(sizes):
    image[row, :h, :w] = rng.uniform(size=(h, w, 3))
  protocol = Protocol(long_side=20, fill=(0, 0, 0))
  got = views.probabilities(
      Local(), {}, image, np.int32(sizes), protocol=protocol
  )
  for row, ((h, w), small) in enumerate(zip(sizes, ((20, 15), (6, 20)))):
    view = ops.resize_bilinear(image[row : row + 1, :h, :w], small)
    logits = Local().apply({}, view, train=False)["logits"]
    want = nn.softmax(ops.resize_bilinear(logits, (h, w)))
    np.testing.assert_allclose(got[row : row + 1, :h, :w], want, atol=1e-5)


def test_a_crf_follows_the_averaging():
  """Its unaries are the logarithms of the probabilities before it."""
  image = np.asarray(255 * net()[1][:1], np.uint8)
  scaled = lambda x: x / 255.0
  model, _, variables = net()
  one = functools.partial(
      views.probabilities, model, variables, image, preprocess=scaled
  )
  want = dense_crf.dense_crf(
      jnp.log(one()), image, dense_crf.SETTINGS["deeplab_v1"]
  )
  got = one(protocol=Protocol(crf="deeplab_v1"))
  np.testing.assert_allclose(got, want, atol=1e-4)
  assert not np.allclose(got, one(), atol=1e-2)


@pytest.mark.parametrize(
    "options, message",
    (
        (dict(scales=()), "scales are"),
        (dict(scales=(1.0, 0.0)), "scales are"),
        (dict(blend="cubic"), "blend is 'cubic'; there are 'uniform'"),
        (dict(average="votes"), "average is 'votes'"),
        (dict(crf="denser"), "crf is 'denser'; there are '', 'pydensecrf'"),
        (dict(stride=(4, 4)), "window is None"),
        (dict(margin=4), "window is None"),
        (dict(window=(8, 8), stride=(9, 8)), "windows of 8 every 9"),
        (dict(window=(8, 8), margin=-1), "margin is -1"),
    ),
)
def test_what_makes_no_protocol_is_refused(options, message):
  with pytest.raises(ValueError, match=message):
    Protocol(**options)


def test_presets_are_known_by_name_and_state_their_source():
  for name, protocol in protocols.PRESETS.items():
    assert protocols.preset(name) is protocol
    assert protocol.source
    assert dataclasses.asdict(protocol) == protocol.as_dict()
  with pytest.raises(ValueError, match=r"'pspnet'; there are 'whole'"):
    protocols.preset("pspnet")
