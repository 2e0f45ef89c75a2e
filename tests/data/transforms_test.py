"""Image and label must move together, whatever is drawn.

The images hold coordinates: red is a smooth function of x, green of y, and
the label holds x // 8. So where a pixel of the result is from can be read off
the image and the label separately.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from segjax.data import draws, labels, on_host, transforms

H, W = 96, 128
STILL = dict(scale=(1, 1), flip=False)


def coordinates():
  y, x = np.mgrid[:H, :W]
  image = np.stack([2 * x, 2 * y, np.full_like(x, 200)], -1).astype(np.uint8)
  return {"image": image, "label": (x // 8).astype(np.uint8), "id": "a"}


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    crop=st.tuples(st.integers(16, 150), st.integers(16, 150)),
    low=st.floats(0.4, 1),
    high=st.floats(1, 2.5),
    resize=st.sampled_from((0.5, 1.0, 1.3)),
)
def test_label_and_image_show_the_same_place(seed, crop, low, high, resize):
  augment = transforms.Augment(crop, scale=(low, high), resize=resize)
  out = augment(np.random.default_rng(seed), coordinates())
  assert out["image"].shape == (*crop, 3)
  assert out["label"].shape == crop
  x = out["image"][..., 0] / 2
  # Pixels that mix image and padding have another blue.
  pure = np.abs(out["image"][..., 2].astype(int) - 200) <= 1
  pure &= out["label"] != labels.VOID
  # Half a source pixel of rounding, and two of interpolation when enlarged.
  distance = np.abs(x - (8 * out["label"].astype(float) + 3.5))[pure]
  assert np.all(distance <= 4 + 1.5 / (low * resize))
  assert np.mean(pure) > 0 or np.all(out["label"] == labels.VOID)


def test_the_edge_of_a_label_is_the_edge_in_the_image():
  """To the pixel: both interpolations have the same centres."""
  left = np.arange(W) < W // 2
  example = {
      "image": np.where(left, 0, 255)[None, :, None] * np.ones((H, 1, 3)),
      "label": np.tile(np.where(left, 0, 1), (H, 1)).astype(np.uint8),
  }
  example["image"] = example["image"].astype(np.uint8)
  augment = transforms.Augment((90, 120), scale=(0.4, 3))
  for seed in range(50):
    out = augment(np.random.default_rng(seed), example)
    image = out["image"][..., 0].astype(int)
    decided = (out["label"] != labels.VOID) & (abs(image - 127.5) > 8)
    decided &= image != transforms.MEAN_COLOUR[0]
    assert np.mean(decided | (out["label"] == labels.VOID)) > 0.97
    np.testing.assert_array_equal(
        (image > 127)[decided], (out["label"] == 1)[decided]
    )


def test_padding_is_void_in_the_mean_colour():
  """A crop larger than the image holds all of it once, and padding."""
  augment = transforms.Augment((H + 30, W + 50), **STILL)
  out = augment(np.random.default_rng(3), coordinates())
  padded = out["label"] == labels.VOID
  assert np.sum(~padded) == H * W
  assert np.all(out["image"][padded] == transforms.MEAN_COLOUR)
  np.testing.assert_array_equal(
      out["image"][~padded].reshape(H, W, 3), coordinates()["image"]
  )


def test_flip_mirrors_both_half_of_the_time():
  augment = transforms.Augment(None, scale=(1, 1), flip=True)
  original, flips = coordinates(), 0
  for seed in range(100):
    out = augment(np.random.default_rng(seed), original)
    flipped = out["image"][0, 0, 0] != 0
    flips += flipped
    step = -1 if flipped else 1
    np.testing.assert_array_equal(out["image"], original["image"][:, ::step])
    np.testing.assert_array_equal(out["label"], original["label"][:, ::step])
  assert 30 < flips < 70


def test_crops_reach_every_border():
  """The window is uniform over all places where it fits, ends included."""
  augment = transforms.Augment((H - 2, W - 3), **STILL)
  corners = {
      tuple(augment(np.random.default_rng(s), coordinates())["image"][0, 0, :2])
      for s in range(300)
  }
  assert corners == {(2 * x, 2 * y) for x in range(4) for y in range(3)}


def test_scale_is_uniform_between_its_ends():
  augment = transforms.Augment((80, 160), scale=(0.5, 2.0), flip=False)
  label, scales = coordinates()["label"], []
  for seed in range(300):
    draw = augment.draw(np.random.default_rng(seed), label)
    scales.append(160 / draw.window[3])
  assert min(scales) < 0.55
  assert max(scales) > 1.9
  assert abs(np.mean(scales) - 1.25) < 0.08


def test_resize_halves_and_averages():
  image = np.zeros((4, 4, 3), np.uint8)
  image[:, ::2] = 200
  example = {"image": image, "label": np.zeros((4, 4), np.uint8)}
  augment = transforms.Augment(None, scale=(1, 1), flip=False, resize=0.5)
  out = augment(np.random.default_rng(0), example)
  np.testing.assert_array_equal(out["image"], np.full((2, 2, 3), 100))
  assert out["label"].shape == (2, 2)


def test_labels_are_never_mixed():
  """Nearest neighbours: no class between two classes appears."""
  example = coordinates()
  example["label"] = np.where(np.arange(W) < W // 2, 3, 250).astype(np.uint8)
  example["label"] = np.tile(example["label"], (H, 1))
  augment = transforms.Augment((64, 64), scale=(0.3, 3.0))
  for seed in range(30):
    out = augment(np.random.default_rng(seed), example)
    assert set(np.unique(out["label"])) <= {3, 250, labels.VOID}


def test_jitter_changes_colours_and_no_labels():
  plain = transforms.Augment((50, 60))
  jittered = transforms.Augment((50, 60), jitter=0.5)
  a = plain(np.random.default_rng(1), coordinates())
  b = jittered(np.random.default_rng(1), coordinates())
  np.testing.assert_array_equal(a["label"], b["label"])
  assert np.abs(a["image"].astype(int) - b["image"]).mean() > 3


def test_jitter_of_no_strength_is_the_identity():
  image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
  out = on_host.recolour(image, draws.colour(1, 1, 1, 0))
  np.testing.assert_array_equal(out, image)


def test_jitter_has_the_documented_range_of_brightness():
  example = {
      "image": np.full((8, 8, 3), 100, np.uint8),
      "label": np.zeros((8, 8), np.uint8),
  }
  augment = transforms.Augment((8, 8), jitter=0.5, **STILL)
  means = [
      augment(np.random.default_rng(s), example)["image"].mean()
      for s in range(300)
  ]
  assert 50 <= min(means) < 60
  assert 140 < max(means) <= 150


def test_colours_change_as_they_are_named():
  """Contrast about the mean, saturation to grey, the hue around the greys."""
  rgb = np.array([[10, 60, 200], [90, 90, 90]], np.uint8)[None]
  mean = rgb.mean()
  flat = on_host.recolour(rgb, draws.colour(1, 0, 1, 0))
  assert np.abs(flat - mean).max() <= 1
  grey = on_host.recolour(rgb, draws.colour(1, 1, 0, 0))[0, 0].astype(int)
  assert np.ptp(grey) <= 1
  assert abs(grey[0] - (0.299 * 10 + 0.587 * 60 + 0.114 * 200)) <= 1
  third = on_host.recolour(rgb, draws.colour(1, 1, 1, 2 * np.pi / 3))[0]
  assert sorted(third[0]) == [10, 60, 200]
  assert list(third[0]) != [10, 60, 200]
  assert np.abs(third[1].astype(int) - 90).max() <= 1


def test_the_input_is_left_alone():
  example = coordinates()
  augment = transforms.Augment((64, 64), jitter=0.5)
  augment(np.random.default_rng(0), example)
  for key, value in coordinates().items():
    np.testing.assert_array_equal(example[key], value)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(crop=(0, 8)), "crop"),
        (dict(crop=(8,)), "crop"),
        (dict(crop=None), "needs a crop"),
        (dict(crop=(8, 8), scale=(2, 1)), "scale"),
        (dict(crop=(8, 8), scale=(0, 1)), "scale"),
        (dict(crop=(8, 8), jitter=1), "jitter"),
        (dict(crop=(8, 8), resize=0), "resize"),
        (dict(crop=(8, 8), rotation=181), "rotation"),
        (dict(crop=(8, 8), elastic=-1), "elastic"),
        (dict(crop=(8, 8), blur=3), "too wide"),
        (dict(crop=(8, 8), padding="zero"), "mean, mirror"),
        (dict(crop=(8, 8), class_limit=0), "class_limit"),
        (dict(crop=(8, 8), cutout=-1), "cutout"),
        (dict(crop=(8, 8), border_weights=(10,)), "border_weights"),
    ],
)
def test_refuses_values_out_of_range(options, message):
  with pytest.raises(ValueError, match=message):
    transforms.Augment(**options)
