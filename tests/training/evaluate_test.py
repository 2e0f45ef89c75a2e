"""Every pixel of every valid image counts once, at full size."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax.training import evaluate, sharding


class Brightness(nn.Module):
  """Class 1 where a pixel is bright, without parameters."""

  @nn.compact
  def __call__(self, image, *, train):
    bright = image[..., :1] - 0.5
    return {"logits": jnp.concatenate([-bright, bright], -1)}


def scale_to_one(image):
  return image / 255.0


def batches(images, labels, size, pad):
  """Padded as `data.eval_batches` does, the last batch filled up."""
  for i in range(0, len(images), size):
    n = len(images[i : i + size])
    h, w = images.shape[1] + pad, images.shape[2] + pad
    batch = {
        "image": np.full((size, h, w, 3), 124, np.uint8),
        "label": np.full((size, h, w), 255, np.uint8),
        "valid": np.arange(size) < n,
        "size": np.tile(np.int32([h - pad, w - pad]), (size, 1)),
    }
    batch["image"][:n, :-pad, :-pad] = images[i : i + size]
    batch["label"][:n, :-pad, :-pad] = labels[i : i + size]
    batch["label"][n:] = 1  # What is not valid must not count.
    yield batch


@pytest.fixture
def scenes():
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (5, 8, 12, 3), np.uint8)
  labels = rng.choice(np.uint8([0, 1, 255]), (5, 8, 12))
  return images, labels


def test_counts_are_those_of_all_labelled_pixels(scenes):
  images, labels = scenes
  counts = evaluate.evaluate(
      Brightness(), {}, batches(*scenes, 2, 4), 2, preprocess=scale_to_one
  )
  predictions = (images[..., 0] > 127).astype(int)
  want = np.zeros((2, 2), np.int64)
  for truth in (0, 1):
    for prediction in (0, 1):
      hit = (labels == truth) & (predictions == prediction)
      want[truth, prediction] = hit.sum()
  assert counts.dtype == np.int64
  np.testing.assert_array_equal(counts, want)
  assert counts.sum() == (labels != 255).sum()


def test_a_mesh_counts_the_same(scenes):
  mesh = sharding.make_mesh(devices=jax.devices()[:1])
  options = dict(preprocess=scale_to_one)
  model = Brightness()
  want = evaluate.evaluate(model, {}, batches(*scenes, 2, 4), 2, **options)
  options["mesh"] = mesh
  got = evaluate.evaluate(model, {}, batches(*scenes, 2, 4), 2, **options)
  np.testing.assert_array_equal(got, want)


def test_each_batch_is_shown_with_its_predictions(scenes):
  shown = []
  evaluate.evaluate(
      Brightness(),
      {},
      batches(*scenes, 2, 4),
      2,
      preprocess=scale_to_one,
      show=lambda batch, predictions: shown.append(
          np.mean((batch["image"][..., 0] > 127) == predictions)
      ),
  )
  assert shown == [1.0] * 3


def test_what_is_done_to_predictions_counts(scenes):
  """Each valid image's map goes through the function, without its padding."""
  seen = []

  def all_zero(labels):
    seen.append(labels.shape)
    return np.zeros_like(labels)

  counts = evaluate.evaluate(
      Brightness(),
      {},
      batches(*scenes, 2, 4),
      2,
      preprocess=scale_to_one,
      postprocess=all_zero,
  )
  assert seen == [(8, 12)] * 5
  assert counts[:, 1].sum() == 0
  assert counts.sum() == (scenes[1] != 255).sum()


def test_sums_pass_the_range_of_int32(monkeypatch):
  big = jnp.full((2, 2), 2**30, jnp.int32)
  monkeypatch.setattr(evaluate, "count", lambda *_, **__: (big, None))
  batch = dict.fromkeys(("image", "label", "valid", "size"))
  counts = evaluate.evaluate(None, {}, [batch] * 4, 2)
  assert counts.tolist() == [[2**32] * 2] * 2
