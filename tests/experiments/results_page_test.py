"""The page of results, of files made up here."""

import json
import re
from types import SimpleNamespace

import pytest

from experiments import results_data, results_page
from tests.experiments import made_results, running


def row(name, network, table="camvid", paper="", size="full"):
  return SimpleNamespace(
      name=name, network=network, table=table, paper=paper, size=size
  )


def page(found, rows=(), tables=None):
  texts = results_page.files(
      {one["row"]: one for one in found},
      rows,
      tables or {"camvid": ("CamVid", "Frames of streets.")},
      lambda row: f"make {row.name}",
  )
  return texts.pop("results.md"), texts


def cells(text, begin):
  """The cells of the first line that begins with these words, by column."""
  lines = text.splitlines()
  at = next(i for i, line in enumerate(lines) if line.startswith(f"| {begin}"))
  head = next(i for i in range(at, 0, -1) if not lines[i - 1].startswith("|"))
  split = lambda line: [cell.strip() for cell in line[1:-1].split("|")]
  return dict(zip(split(lines[head]), split(lines[at]), strict=True))


def test_a_line_has_the_numbers_of_its_file():
  text, _ = page([made_results.result("a", "Net A", 0.51234)])
  assert cells(text, "Net A") == {
      "network": "Net A",
      "size": "full",
      "parameters": "1.23 M",
      "GFLOPs": "12.3",
      "mIoU": "51.2",
      "BF1": "12.5",
      "global": "75.0",
      "class": "50.0",
      "images/s": "9.88",
      "minutes": "12.5",
      "crops seen": "4,800",
      "seed: file": "0: [json](../results/a.json)",
  }
  classes = cells(text, "Net A, full")
  assert classes == {
      "IoU of each class": "Net A, full",
      "sky": "51.2",
      "road": "62.5",
  }
  assert "Some Processor, 1 core, load average before the run 0.2;" in text
  assert "segjax 0.1, jax 0.10.1; commit 0123456; 2026-11-21." in text
  assert "images of 180x240" in text
  assert "Counted for *validation*: split validation; scales 0.5.\n" in text
  assert "Not run" not in text


def test_seeds_are_one_line_of_mean_and_range():
  second = made_results.result(
      "a_seed1", "Net A", 0.58, seed=1, date="2026-11-23"
  )
  second["commit"] = "f" * 40
  second["versions"] = {"segjax": "0.1", "jax": "0.10.2"}
  text, _ = page([second, made_results.result("a", "Net A", 0.5)])
  line = cells(text, "Net A")
  assert line["mIoU"] == "54.0 (50.0 to 58.0)"
  assert line["seed: file"] == (
      "0: [json](../results/a.json), 1: [json](../results/a_seed1.json)"
  )
  assert text.count("Net A") == 2  # and the classes
  assert "jax 0.10.1 to 0.10.2; commits 0123456, fffffff;" in text
  assert "2026-11-21 to 2026-11-23." in text


def test_rows_stand_in_their_order_and_what_was_not_run_is_a_command():
  found = [
      made_results.result("z", "Zed"),
      made_results.result("b", "Bee"),
      made_results.result("x", "Extra"),
  ]
  plan = [
      row("z", "Zed"),
      row("y", "Why", paper="58.9 % mIoU", size="half"),
      row("b", "Bee"),
  ]
  text, _ = page(found, plan)
  order = [text.index(f"| {network} |") for network in ("Zed", "Bee", "Extra")]
  assert order == sorted(order)
  assert "Not run, half:\n\n- Why; the paper: 58.9 % mIoU: `make y`\n" in text
  assert "| Why" not in text
  assert "`make z`" not in text


def test_a_section_of_plans_alone_and_a_table_that_nobody_introduced():
  text, texts = page(
      [made_results.result("o", "Other", table="other")],
      [row("y", "Why"), row("w", "We")],
  )
  assert not texts
  assert text.index("## CamVid\n\nFrames of streets.") < text.index("`make w`")
  assert text.index("`make w`") < text.index("## other\n")


def test_several_evaluations_have_a_table_and_the_trained_one_stands_above():
  ways = {
      "before": made_results.evaluation(0.25),
      "after": made_results.evaluation(0.75),
  }
  text, _ = page([made_results.result("v", "Net V", evaluations=ways)])
  assert cells(text, "Net V")["mIoU"] == "75.0"
  assert cells(text, "Net V, full | before")["mIoU"] == "25.0"
  assert cells(text, "Net V, full | after")["mIoU"] == "75.0"
  assert cells(text, "Net V, full; before")["sky"] == "25.0"


def test_the_protocol_of_a_second_evaluation_is_what_is_other():
  ways = {"one": evaluated(flip=False), "two": evaluated(flip=True, window=[9])}
  text, _ = page([made_results.result("v", "Net V", evaluations=ways)])
  assert "*one*: split validation; scales 0.5; flip no.\n" in text
  assert "*two*, what is other: window 9; flip yes.\n" in text


def evaluated(**changes):
  one = made_results.evaluation(0.5)
  return one | {"protocol": one["protocol"] | changes}


@pytest.mark.parametrize("wrapped", (False, True))
def test_the_errors_of_membranes_have_columns(wrapped):
  errors = {"pixel_error": 0.0611, "warping_error": 0.000353, "v_info": 0.98765}
  own = {"membranes": errors, "protocol": {}} if wrapped else errors
  ways = {"validation": made_results.evaluation(0.75), "the challenge's": own}
  line = cells(page([made_results.result("u", "U", evaluations=ways)])[0], "U")
  assert line["pixel error"] == "0.0611"
  assert line["warping error"] == "0.000353"
  assert line["V info"] == "0.9877"
  assert "Rand error" not in line
  assert line["mIoU"] == "75.0"


def test_a_forest_has_no_operations_and_says_what_it_counts():
  none = dict.fromkeys(("gflops", "shown_size", "images_per_second"))
  forest = made_results.result(
      "f", "Forest", parameters_are="nodes", curves={}, **none
  )
  alone, _ = page([forest])
  assert "GFLOPs" not in alone.partition("| network")[2]
  beside, _ = page([forest, made_results.result("a", "Net A")])
  assert cells(beside, "Forest")["GFLOPs"] == ""
  assert cells(beside, "Forest")["parameters"] == "1.23 M nodes"


def test_a_long_size_of_several_lines_is_said_once():
  size = "quarter of the channels, 1200 steps"
  found = [made_results.result(name, name, size=size) for name in "ab"]
  text, _ = page(
      [*found, made_results.result("c", "c", size="half resolution, 10 steps")]
  )
  assert text.count(size) == text.count(f"*a*: {size}") == 1
  assert [cells(text, f"{n} |")["size"] for n in "ab"] == ["*a*"] * 2
  assert cells(text, "c |")["size"] == "half resolution, 10 steps"


def problem(**changes):
  one = made_results.result("a", "Net A") | changes
  return results_data.check(
      "a", {key: value for key, value in one.items() if value != "absent"}
  )


def test_an_incomplete_file_is_refused_with_what_it_lacks():
  assert not problem()
  assert not problem(seconds=3, gflops=None)
  assert problem(seconds="absent", seed="absent") == [
      "no key 'seconds'",
      "no key 'seed'",
  ]
  assert problem(seed=True) == ["seed cannot be True"]
  assert problem(commit=None) == ["commit cannot be None"]
  assert problem(row="b") == ["row is 'b', not the file's name"]
  assert problem(evaluations={}) == ["evaluations is empty"]
  assert problem(config={"seed": 1}) == [
      "config_sha256 is that of another config"
  ]
  assert results_data.check("a", []) == ["it holds a list, not an object"]


def test_the_binary_writes_the_page_or_says_what_is_wrong(tmp_path):
  folder = tmp_path / "results"
  folder.mkdir()
  arguments = f"--results={folder}", f"--page={tmp_path / 'page.md'}"
  one = made_results.result("camvid_unet_cpu", "U-Net", 0.4375)
  (folder / "camvid_unet_cpu.json").write_text(json.dumps(one))
  run = running.run("results", *arguments)
  assert run[0].startswith("wrote ")
  text = (tmp_path / "page.md").read_text()
  assert cells(text, "U-Net")["mIoU"] == "43.8"
  assert re.search("`python -m experiments.reproduce --row=camvid_", text)
  (folder / "torn.json").write_text('{"row": ')
  _, complaint = running.run("results", *arguments, status=1)
  assert re.fullmatch("error: .*torn.json is damaged: .*\n", complaint)
