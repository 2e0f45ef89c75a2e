"""One draw, two ways: OpenCV on the host and XLA on the device."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import data
from segjax.data import draws, on_device, transforms

CANVAS = (72, 96)
QUICK = {"xla_backend_optimization_level": 0}


def example(rng):
  """Noise on coarse blobs, with a label of 8 classes and some void."""
  h, w = int(rng.integers(30, 73)), int(rng.integers(30, 97))
  coarse = rng.integers(0, 256, (6, 7, 3)).astype(np.uint8)
  image = cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC).astype(int)
  image = np.clip(image + rng.integers(-20, 21, image.shape), 0, 255)
  label = rng.integers(0, 9, (10, 10)).astype(np.uint8)
  label = cv2.resize(label, (w, h), interpolation=cv2.INTER_NEAREST)
  label[label == 8] = data.VOID
  return {"image": image.astype(np.uint8), "label": label, "id": "x"}


WAYS = {
    "scale": dict(scale=(0.5, 2.0)),
    "mirror": dict(scale=(0.4, 1.5), padding="mirror", flip=False),
    "warp": dict(scale=(0.7, 1.4), rotation=25, elastic=3, class_limit=0.75),
    "colour": dict(scale=(1, 1), jitter=0.2),
    "blur": dict(scale=(1, 1), blur=1.5, cutout=20),
}


@pytest.mark.parametrize("name", WAYS)
def test_both_ways_make_the_same_of_one_draw(name):
  """Labels to the pixel; images to two grey levels, mostly to one."""
  augment = transforms.Augment((49, 64), **WAYS[name])
  pack = on_device.Pack(augment, CANVAS)
  rng = np.random.default_rng(5)
  examples = [example(rng) for _ in range(16)]
  rows = [
      pack(np.random.default_rng((9, i)), e) for i, e in enumerate(examples)
  ]
  batch = {k: jnp.asarray(np.stack([r[k] for r in rows])) for k in rows[0]}
  unpack = jax.jit(on_device.unpack(augment), compiler_options=QUICK)
  got = jax.tree.map(np.asarray, unpack(batch))
  assert got["image"].dtype == got["label"].dtype == np.uint8
  for i, e in enumerate(examples):
    want = augment(np.random.default_rng((9, i)), e)
    np.testing.assert_array_equal(got["label"][i], want["label"])
    difference = np.abs(got["image"][i].astype(int) - want["image"])
    assert difference.max() <= 2
    assert np.mean(difference > 1) < 0.01
    assert np.mean(difference) < 0.5


def test_nearest_is_the_pixel_under_the_centre():
  """And so OpenCV's INTER_NEAREST_EXACT, but where two are as near."""
  for window, size in ((7, 5), (5, 7), (375, 321), (1026, 513), (300, 769)):
    i = np.arange(size)
    centre = (i + 0.5) * window / size
    got = draws.nearest(i, window, size)
    tie = np.abs(centre - np.rint(centre)) < 1e-6
    np.testing.assert_array_equal(got[~tie], np.floor(centre[~tie]))
    source = np.arange(window, dtype=np.float32)[None]
    want = cv2.resize(source, (size, 1), interpolation=cv2.INTER_NEAREST_EXACT)
    np.testing.assert_array_equal(got[~tie], want[0, ~tie])


def test_a_stream_of_packed_batches_augments_under_jit():
  class Source:

    name = "noise"

    def __len__(self):
      return 5

    def __getitem__(self, i):
      return example(np.random.default_rng(i))

  augment = transforms.Augment((49, 64), **WAYS["scale"])
  options = dict(batch_size=2, seed=3, num_threads=0)
  host = next(data.train_batches(Source(), augment, **options))
  pack = on_device.Pack(augment, CANVAS)
  packed = next(data.train_batches(Source(), pack, **options))
  assert packed["image"].shape == (2, *CANVAS, 3)
  got = jax.jit(on_device.unpack(augment))(packed)
  assert set(got) == {"image", "label"}
  np.testing.assert_array_equal(got["label"], host["label"])


@pytest.mark.parametrize(
    "options, message",
    (
        (dict(crop=None, scale=(1, 1)), "crop"),
        (dict(crop=(8, 8), border_weights=(10.0, 5.0)), "border_weights"),
    ),
)
def test_refuses_what_a_device_cannot_do(options, message):
  with pytest.raises(ValueError, match=message):
    on_device.Pack(transforms.Augment(**options), CANVAS)
  with pytest.raises(ValueError, match=message):
    on_device.unpack(transforms.Augment(**options))


def test_an_image_larger_than_the_canvas_is_an_error():
  pack = on_device.Pack(transforms.Augment((8, 8)), (20, 20))
  with pytest.raises(ValueError, match="larger than the canvas"):
    pack(np.random.default_rng(0), example(np.random.default_rng(0)))
