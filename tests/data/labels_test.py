"""Label sets are consistent or refuse to be made."""

import numpy as np
import pytest

from segjax.data import labels

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_colours_has_a_row_for_every_possible_label():
  colours = labels.LabelSet(("a", "b"), (RED, BLUE)).colours()
  assert colours.shape == (256, 3)
  assert colours.dtype == np.uint8
  np.testing.assert_array_equal(colours[:2], [RED, BLUE])
  assert not colours[2:].any()


@pytest.mark.parametrize(
    "names, palette, message",
    [
        ((), (), "1 to 255"),
        (tuple(map(str, range(256))), (RED,) * 256, "1 to 255"),
        (("a", "a"), (RED, BLUE), "must differ"),
        (("a", "b"), (RED,), "2 names"),
    ],
)
def test_refuses_what_does_not_fit(names, palette, message):
  with pytest.raises(ValueError, match=message):
    labels.LabelSet(names, palette)
