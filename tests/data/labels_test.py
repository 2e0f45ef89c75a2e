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


def test_the_colours_are_those_of_the_development_kit():
  colours = labels.colour_map(256)
  assert colours[1] == (128, 0, 0)
  assert colours[15] == (192, 128, 128)
  assert colours[20] == (0, 64, 128)
  assert colours[255] == (224, 224, 192)


FORMS = {
    "names": "# comment\n\nground\nwater\nvoid\n",
    "values": "0: ground\n1: water\n2: unlabeled",
    "after": "ground 255 0 0\nwater 0,0,255\nVoid 0 0 0",
    "before": "255 0 0 ground\n0 0 255\twater\n0 0 0 Void",
    "csv": "name,r,g,b\nground,255,0,0\nwater,0,0,255\nignore,0,0,0",
    "both": "0: ground 255 0 0\n1: 0 0 255 water\n2: void 0 0 0",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_class_table_may_be_written_in_any_of_these_ways(form):
  table = labels.parse_classes(FORMS[form])
  assert table.labels.names == ("ground", "water")
  assert table.ids == {0: 0, 1: 1, 2: labels.VOID, 255: labels.VOID}
  if "values" in form or "names" in form:
    assert table.colours is None
    assert table.labels.palette == labels.colour_map(2)
  else:
    assert table.labels.palette == (RED, BLUE)
    assert table.colours == {RED: 0, BLUE: 1, (0, 0, 0): labels.VOID}


def test_values_are_those_of_the_table_and_255_may_be_a_class():
  table = labels.parse_classes("7: tower 2\n255: sky\n0: void")
  assert table.labels.names == ("tower 2", "sky")
  assert table.ids == {7: 0, 255: 1, 0: labels.VOID}


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "my table: A label set has 1 to 255 classes"),
        ("void", "my table: A label set has 1 to 255"),
        ("a\na", "must differ: a, a"),
        ("a\nb 1 2 3", r"line 2 \('b 1 2 3'\): either every line"),
        ("3: a\nb", "line 2 .*either every line"),
        ("3: a\n3: b", "line 2.*the value 3 is there twice"),
        ("a 1 2 3\nb 1 2 3", r"line 2.*colour \(1, 2, 3\) is there twice"),
        ("a 1 2 256", "line 1 .*are 0 to 255"),
        ("300: a", "line 1 .*are 0 to 255"),
        ("7:", "line 1 .*no name"),
    ],
)
def test_a_class_table_that_does_not_fit_is_named_with_its_line(text, message):
  with pytest.raises(ValueError, match=message):
    labels.parse_classes(text, "my table")
