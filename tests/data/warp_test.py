"""Rotation, deformation, padding, limits, holes and maps of weights."""

import numpy as np
import pytest

from segjax.data import border_weights, draws, labels, transforms

H, W = 96, 128
STILL = dict(scale=(1, 1), flip=False)


def coordinates():
  """As in transforms_test: red is 2 x, green 2 y, the label x // 8."""
  y, x = np.mgrid[:H, :W]
  image = np.stack([2 * x, 2 * y, np.full_like(x, 200)], -1).astype(np.uint8)
  return {"image": image, "label": (x // 8).astype(np.uint8), "id": "a"}


def augmented(seed, example=None, crop=(64, 80), **options):
  augment = transforms.Augment(crop, **(STILL | options))
  return augment(np.random.default_rng(seed), example or coordinates())


def pure(out):
  """Where no padding is mixed in."""
  return (np.abs(out["image"][..., 2].astype(int) - 200) <= 1) & (
      out["label"] != labels.VOID
  )


@pytest.mark.parametrize(
    "options",
    (
        dict(rotation=180),
        dict(elastic=6),
        dict(rotation=30, elastic=4, flip=True, scale=(0.7, 1.6)),
    ),
)
def test_label_and_image_show_the_same_place(options):
  seen = 0
  for seed in range(20):
    out = augmented(seed, **options)
    keep = pure(out)
    x, label = out["image"][..., 0] / 2, out["label"].astype(float)
    # Half a pixel of the canvas and half a pixel of the source.
    assert np.all(np.abs(x - (8 * label + 3.5))[keep] <= 4 + 1.5 / 0.7)
    seen += keep.mean() / 20
  assert seen > 0.5


def test_rotation_turns_by_the_angle_about_the_centre():
  augment = transforms.Augment((41, 41), rotation=90, **STILL)
  draw = augment.draw(np.random.default_rng(0), coordinates()["label"])
  for degrees in (0, 90, -90, 180, 37):
    turned = augment.apply(
        draw._replace(turn=draws.turn(degrees)), coordinates()
    )["image"]
    if degrees == 0:
      still = turned.astype(float)
    elif degrees % 90 == 0:
      want = np.rot90(still, degrees // 90)
      keep = want[..., 2] == 200
      np.testing.assert_array_equal(turned[keep], want[keep])
    else:  # The gradient of red, which was 2 a pixel to the right.
      dy, dx = (g[15:26, 15:26] for g in np.gradient(turned[..., 0] / 2.0))
      # Counter-clockwise, so that what rises to the right rises upwards too.
      assert abs(np.mean(dx) - np.cos(np.radians(37))) < 0.03
      assert abs(np.mean(dy) + np.sin(np.radians(37))) < 0.03


def test_no_rotation_and_no_displacement_change_nothing():
  augment = transforms.Augment((40, 51), rotation=45, elastic=5, **STILL)
  plain = transforms.Augment((40, 51), **STILL)
  draw = augment.draw(np.random.default_rng(1), coordinates()["label"])
  draw = draw._replace(turn=draws.turn(0), bend=np.zeros_like(draw.bend))
  canvas = augment.canvas((40, 51))
  top, left = (
      int(draw.window[k]) + (canvas[k] - n) // 2 for k, n in enumerate((40, 51))
  )
  still = draw._replace(window=np.array([top, left, 40, 51], np.int32))
  got, want = augment.apply(draw, coordinates()), plain.apply(
      still, coordinates()
  )
  for name in ("image", "label"):
    np.testing.assert_array_equal(got[name], want[name])


def test_displacements_are_those_of_the_nodes():
  """At a node of the 3x3 grid the field is what was drawn, in pixels."""
  bend = draws.bend(np.random.default_rng(0), 10.0, 3)
  size, canvas = (65, 81), (145, 161)
  i, j = np.arange(65, dtype=np.int32), np.arange(81, dtype=np.int32)
  y, x = draws.places(i[:, None], j[None], size, canvas, draws.turn(0), bend)
  y, x = y / 65536 - i[:, None] - 40, x / 65536 - j - 40
  found = np.stack([y, x], -1)[::32, ::40]
  np.testing.assert_allclose(found, bend / 256, atol=0.02)
  assert np.abs(np.diff(y, axis=0)).max() < 3  # And smooth between them.


def test_displacements_have_the_standard_deviation():
  values = np.stack(
      [draws.bend(np.random.default_rng(s), 10.0, 3) for s in range(200)]
  )
  assert abs((values / 256).std() - 10) < 0.5
  assert abs(values.mean() / 256) < 0.5


def test_a_canvas_holds_every_rotation():
  """No pixel of a large image's crop lies beyond the canvas."""
  for size in ((40, 60), (33, 33), (70, 20)):
    for limit in (10, 80, 180):
      canvas = draws.canvas_size(size, limit, 0)
      for degrees in np.linspace(-limit, limit, 31):
        i = np.arange(size[0], dtype=np.int32)[:, None]
        j = np.arange(size[1], dtype=np.int32)[None]
        place = draws.places(
            i, j, size, canvas, draws.turn(degrees), np.zeros((0, 0, 2), int)
        )
        for axis, p in enumerate(place):
          assert p.min() >= 0
          assert p.max() <= (canvas[axis] - 1) * 65536


def test_mirror_padding_mirrors_the_image_and_voids_the_label():
  """About the outermost pixels, which are there once."""
  out = augmented(3, crop=(H + 30, W + 50), padding="mirror")
  valid = out["label"] != labels.VOID
  assert valid.sum() == H * W
  top, left = np.argwhere(valid)[0]
  pad = ((top, 30 - top), (left, 50 - left), (0, 0))
  want = np.pad(coordinates()["image"], pad, mode="reflect")
  np.testing.assert_array_equal(out["image"], want)


def test_mirroring_goes_on_for_ever():
  index = np.arange(-23, 30)
  want = np.pad(np.arange(5), (23, 25), mode="reflect")
  np.testing.assert_array_equal(draws.reflect(index, 5), want)
  assert set(draws.reflect(index, 1)) == {0}


def test_the_class_limit_rejects_crops_of_one_class():
  example = coordinates()
  example["label"] = np.zeros((H, W), np.uint8)
  example["label"][40:56, 60:76] = 1
  example["label"][:, :20] = labels.VOID

  def share(out):
    known = out["label"][out["label"] != labels.VOID]
    return np.bincount(known, minlength=2).max() / max(known.size, 1)

  free = [share(augmented(s, example, (24, 24))) for s in range(60)]
  held = [
      share(augmented(s, example, (24, 24), class_limit=0.75))
      for s in range(60)
  ]
  assert np.mean(np.array(free) > 0.8) > 0.6
  assert np.mean(np.array(held) > 0.8) < 0.6 * np.mean(np.array(free) > 0.8)


def test_the_class_limit_gives_up_where_there_is_one_class():
  example = coordinates() | {"label": np.zeros((H, W), np.uint8)}
  assert augmented(0, example, class_limit=0.5)["label"].max() == 0


def test_cutout_is_a_square_in_both():
  sizes = set()
  for seed in range(40):
    out = augmented(seed, cutout=11)
    hole = out["label"] == labels.VOID
    assert np.all(out["image"][hole] == transforms.MEAN_COLOUR)
    rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
    assert hole.sum() == len(rows) * len(columns)
    sizes.add((len(rows), len(columns)))
  assert max(sizes) == (11, 11)
  assert len(sizes) > 1  # Some reach beyond the border.


def test_the_source_is_left_alone():
  example = coordinates()
  augmented(0, example, crop=(H, W), cutout=30, blur=2, jitter=0.2)
  for key, value in coordinates().items():
    np.testing.assert_array_equal(example[key], value)


def test_blur_keeps_the_mean_and_removes_detail():
  noise = np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8)
  example = coordinates() | {"image": noise}
  deviations = [augmented(s, example, blur=3)["image"].std() for s in range(40)]
  blurred = np.array(deviations) < 70
  assert 8 < blurred.sum() < 32  # Every second time.
  out = augmented(int(np.argmin(deviations)), example, blur=3)["image"]
  assert abs(out.mean() - noise.mean()) < 3


def test_border_weights_are_those_of_the_result():
  """After all geometry, with w_c balanced over labelled pixels."""
  label = np.zeros((H, W), np.uint8)
  label[10:40, 10:50], label[10:40, 54:100] = 1, 1
  example = coordinates() | {"label": label}
  out = augmented(
      2,
      example,
      (H, W),
      rotation=20,
      flip=True,
      border_weights=(10.0, 5.0),
  )
  weight, label = out["weight"], out["label"]
  assert weight.shape == label.shape
  assert weight.dtype == np.float32
  plain = border_weights.border_weights(
      border_weights.objects_of(label, (1,)), class_weights=(0.0, 0.0)
  )
  cells = label == 1
  background = label == 0
  base = weight - plain
  assert np.ptp(base[cells]) < 1e-4
  np.testing.assert_allclose(
      base[cells].sum(), base[background].sum(), rtol=1e-3
  )
  assert weight[background].max() > 5 + base[background].max()
  assert "weight" not in augmented(2, example)
