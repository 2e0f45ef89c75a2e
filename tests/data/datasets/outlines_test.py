"""Polygons and run lengths give the masks of COCO's own tools."""

import numpy as np
import pytest

from segjax.data.datasets import outlines

# Masks by pycocotools 2.0.11, rows as text.
REFERENCE = {
    (1.0, 1.0, 6.5, 1.0, 6.5, 4.4, 1.0, 4.6): """
........
.xxxxxx.
.xxxxxx.
.xxxxxx.
.xxx....
........""",
    (0.3, 0.2, 7.6, 2.9, 3.1, 5.9): """
........
.xxx....
..xxxx..
..xxxxx.
...xx...
...x....""",
    (6.2, -1.5, 8.9, 3.3, 4.4, 6.6, -0.8, 4.1, 3.7, 2.2): """
.....xx.
....xxxx
...xxxxx
.xxxxxxx
xxxxxxx.
..xxxx..""",
    (1.5, 0.5, 6.5, 5.5, 6.5, 0.5, 1.5, 5.5): """
........
..x...x.
..xx.xx.
..xx.xx.
..x...x.
........""",
}


def text(mask):
  rows = ("".join(".x"[int(v)] for v in row) for row in mask)
  return "\n" + "\n".join(rows)


@pytest.mark.parametrize("points", REFERENCE)
def test_a_polygon_is_the_references(points):
  assert text(outlines.mask([points], (6, 8))) == REFERENCE[points]


@pytest.mark.parametrize("seed", range(5))
def test_a_polygon_covers_the_pixels_whose_centre_is_inside(seed):
  """But for those that an edge passes within a third of a pixel."""
  rng = np.random.default_rng(seed)
  points = rng.uniform(2, 46, (7, 2))
  covered = outlines.polygon(points, (48, 48))
  # Even-odd by the crossings to the left of each centre.
  y, x = np.mgrid[:48, :48] + 0.5
  inside = np.zeros((48, 48), bool)
  near = np.zeros((48, 48), bool)
  for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, 0)):
    cross = (y0 > y) != (y1 > y)
    at = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    inside ^= cross & (at < x)
    t = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / (
        (x1 - x0) ** 2 + (y1 - y0) ** 2
    )
    t = t.clip(0, 1)
    gap = np.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0))
    near |= gap < 1 / 3
  assert covered.any()
  np.testing.assert_array_equal(covered[~near], inside[~near])


def test_a_rectangle_on_the_grid_is_exact_and_may_leave_the_image():
  mask = outlines.mask(
      [[2, 1, 9, 1, 9, 4, 2, 4], [0, 5, 3, 5, 3, 9, 0, 9]], (6, 6)
  )
  want = np.zeros((6, 6), bool)
  want[1:4, 2:] = True
  want[5:, :3] = True
  np.testing.assert_array_equal(mask, want)


def test_the_direction_of_a_polygon_does_not_matter():
  points = np.random.default_rng(3).uniform(0, 30, (9, 2))
  one = outlines.polygon(points, (30, 30))
  other = outlines.polygon(points[::-1], (30, 30))
  np.testing.assert_array_equal(one, other)


def test_polygons_of_no_area_are_empty():
  for points in ([], [1.0, 2.0], [1, 1, 5, 5]):
    assert not outlines.mask([points], (6, 6)).any()


def test_run_lengths_go_down_the_columns():
  mask = outlines.mask({"counts": [2, 3, 1], "size": [3, 2]}, (3, 2))
  np.testing.assert_array_equal(mask, [[0, 1], [0, 1], [1, 0]])


@pytest.mark.parametrize(
    "segmentation, message",
    [
        ("abc", "no str"),
        ([[1, 2, 3]], "pairs of finite"),
        ([[1, 2, float("nan"), 3]], "pairs of finite"),
        ({"counts": "abc", "size": [3, 2]}, "a list of counts"),
        ({"counts": [6]}, "size of the image"),
        ({"counts": [5], "size": [3, 2]}, "add up to 6"),
        ({"counts": [8, -2], "size": [3, 2]}, "add up to 6"),
        ({"counts": [6], "size": [2, 3]}, "size of the image"),
    ],
)
def test_anything_else_is_refused(segmentation, message):
  with pytest.raises(ValueError, match=message):
    outlines.mask(segmentation, (3, 2))
