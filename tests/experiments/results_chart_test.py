"""Pictures of results, of files made up here."""

import copy
from xml.etree import ElementTree

import pytest

from experiments import results_chart, svg
from tests.experiments import made_results


def network_table(count):
  """Networks whose scores lie close to each other."""
  return {
      f"n{i}": made_results.result(
          f"n{i}",
          f"Network {i}",
          0.5 + 0.002 * i,
          gflops=1.0 + i % 3,
          seconds=60.0 * (1 + i // 5),
      )
      for i in range(count)
  }


def shapes_of(text, kind):
  root = ElementTree.fromstring(text)
  return list(root.iter(f"{{http://www.w3.org/2000/svg}}{kind}"))


def label_boxes(text, names):
  """Of the names of networks; their sizes are estimates as ours are."""
  for shape in shapes_of(text, "text"):
    if shape.text in names:
      x, y = float(shape.get("x")), float(shape.get("y"))
      width = svg.text_width(shape.text, float(shape.get("font-size")))
      left = x - width if shape.get("text-anchor") == "end" else x
      yield left, y - 9, left + width, y


@pytest.mark.parametrize("what", ("cost", "curves"))
def test_names_lie_upon_no_other_and_inside_the_picture(what):
  found = network_table(14)
  _, text = results_chart.pictures(found)[what]
  boxes = list(label_boxes(text, {f["network"] for f in found.values()}))
  assert len(boxes) == 2 * 14  # Two panels.
  root = ElementTree.fromstring(text)
  for i, (left, top, right, bottom) in enumerate(boxes):
    assert left >= 0
    assert right <= float(root.get("width"))
    assert 0 <= top < bottom <= float(root.get("height"))
    for other in boxes[:i]:
      apart = left >= other[2] or right <= other[0]
      assert apart or top >= other[3] or bottom <= other[1]


def test_a_dot_and_a_curve_for_everything_that_was_measured():
  found = network_table(4)
  found["n1_seed1"] = copy.deepcopy(found["n1"]) | {"row": "n1_seed1"}
  found["forest"] = made_results.result(
      "forest", "Forest", gflops=None, curves={}
  )
  made = {k: text for k, (_, text) in results_chart.pictures(found).items()}
  assert len(shapes_of(made["cost"], "circle")) == 4 + 5
  assert len(shapes_of(made["curves"], "polyline")) == 2 * 5
  assert "classes" not in made, "two classes are no picture"


def test_cells_of_classes_have_their_numbers():
  found = network_table(3)
  for i, one in enumerate(found.values()):
    one["evaluations"]["validation"]["iou"] = {"a": 0.1, "b": 0.9, "c": i / 10}
  _, text = results_chart.pictures(found)["classes"]
  words = [shape.text for shape in shapes_of(text, "text")]
  assert words.count("10.0") == 3 + 1
  assert words.count("90.0") == 3
  assert words.count("20.0") == 1
  assert len([r for r in shapes_of(text, "rect") if r.get("x")]) == 9


def test_there_is_no_picture_of_one_network():
  assert not results_chart.pictures(network_table(1))


@pytest.mark.parametrize("log", (False, True))
@pytest.mark.parametrize(
    "values", ([3, 3], [0.2, 17], [59.0, 59.4], [1e-3, 1e5], [0.5, 50])
)
def test_a_scale_encloses_with_round_ticks(values, log):
  scale = svg.around(values, log=log)
  assert list(scale.ticks) == sorted({*scale.ticks})
  assert scale.ticks[0] <= min(values) <= max(values) <= scale.ticks[-1]
  assert 2 <= len(scale.ticks) <= 12
  assert all(len(f"{tick:g}") <= 6 for tick in scale.ticks)
  places = [scale.share(value) for value in sorted(values)]
  assert 0 <= places[0] <= places[-1] <= 1
  with pytest.raises(ValueError, match="no scale"):
    svg.around([], log=log)
