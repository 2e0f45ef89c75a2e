"""The page of all benchmarks, and its picture."""

from xml.etree import ElementTree

from experiments import chart, performance
from tests.experiments import running


def compared(name, inference, training):
  """What the picture reads of one network."""
  return {
      "name": name,
      "peer": {"ratio": inference} if inference else {},
      "train": {"peer": {"ratio": training}} if training else {"error": "x"},
  }


def test_the_picture_has_a_bar_for_every_ratio():
  about = {"device": "cpu", "cpu": "A & B", "cores": 2}
  models = [compared("a<", 0.5, 2), compared("b", 1.25, None)]
  none = [compared("c", None, None)]
  text = chart.picture(
      {
          "one": about | {"models": models},
          "two": {"device": "H200", "models": [compared("d", 0.01, 3.0)]},
          "three": about | {"models": none},
      }
  )
  root = ElementTree.fromstring(text)
  tag = lambda kind: root.iter(f"{{http://www.w3.org/2000/svg}}{kind}")
  bars = [r for r in tag("rect") if r.get("height") == str(chart._BAR - 2)]
  one, *_ = {r.get("x1") for r in tag("line") if r.get("stroke") == "#444"}
  begins = [float(bar.get("x")) - float(one) for bar in bars]
  assert [begin < -1 for begin in begins] == [True, False, False, True, False]
  assert len(bars) == 5
  width = float(root.get("width"))
  assert all(
      0 <= float(r.get("x")) <= width - float(r.get("width")) for r in bars
  )
  words = [t.text for t in tag("text")]
  assert {"a<", "b", "d", "1.25", "0.01"} <= set(words)
  assert "c" not in words
  assert chart.picture({"three": about | {"models": none}}) is None


def test_the_page_in_docs_is_what_the_results_say():
  folder, page = (
      running.ROOT / "benchmarks",
      running.ROOT / "docs" / "performance.md",
  )
  assert page.exists() == any(folder.glob("*.json"))
  if page.exists():
    picture = chart.picture(performance.results(folder))
    name = page.with_suffix(".svg")
    assert name.exists() == bool(picture)
    if picture:
      assert name.read_text() == picture
    name = name.name if picture else None
    assert page.read_text() == performance.page(folder, name)
