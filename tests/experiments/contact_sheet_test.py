"""Contact sheets show what they should where they should."""

import numpy as np

from experiments import contact_sheet
from segjax import data
from tests.data.datasets import layouts

LABELS = data.LabelSet(("road", "sky"), ((200, 0, 0), (0, 0, 200)))


def test_a_sheet_has_rows_of_one_height_and_a_legend_of_what_occurs():
  image = np.full((20, 40, 3), 100, np.uint8)
  rows = [
      ("0: a", [image, image // 2], {0, data.VOID}),
      ("1: b", [np.full((80, 40, 3), 7, np.uint8)], {0}),
  ]
  sheet = np.asarray(contact_sheet.sheet(rows, LABELS, 40))
  assert sheet.shape == (2 * (18 + 40 + 6) + 18, 320, 3)
  np.testing.assert_array_equal(sheet[18:58, 6:86], 100)
  np.testing.assert_array_equal(sheet[18:58, 92:172], 50)
  np.testing.assert_array_equal(sheet[64 + 18 : 64 + 58, 6:26], 7)
  legend = sheet[128:].reshape(-1, 3).tolist()
  assert list(LABELS.palette[0]) in legend
  assert list(LABELS.palette[1]) not in legend
  assert sheet[:18].min() < 100  # Captions.


def test_a_row_shows_the_labels_and_the_augmented_samples():
  rng = np.random.default_rng(0)
  image = rng.integers(0, 255, (8, 8, 3), np.uint8)
  label = layouts.mask(0, 1, 255, h=8, w=8)
  example = {"image": image, "label": label, "id": "x"}

  def augment(rng, example):
    assert isinstance(rng, np.random.Generator)
    return {k: example[k][::-1] for k in ("image", "label")}

  caption, pictures, classes = contact_sheet.row(
      example, 5, LABELS, augment, samples=3
  )
  assert caption == "5: x, 8 x 8"
  assert classes == {0, 1, 255}
  assert len(pictures) == 2 + 3
  plain, overlay, *samples = pictures
  np.testing.assert_array_equal(plain, image)
  void = label == data.VOID
  np.testing.assert_array_equal(overlay[void], image[void])
  assert np.abs(overlay[~void].astype(int) - image[~void]).mean() > 10
  for sample in samples:
    np.testing.assert_array_equal(sample, overlay[::-1])
