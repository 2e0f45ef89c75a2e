"""metrics.jsonl holds each step once, whatever kills the run."""

import json

import pytest

from segjax.training import records as records_lib


@pytest.fixture
def records(tmp_path):
  return records_lib.Records(tmp_path)


def test_a_record_is_one_line_of_json_with_its_step(records):
  records.write(1, {"loss": 0.5})
  records.write(2, {"loss": 0.25, "iou": None})
  lines = records.path.read_text().splitlines()
  assert [json.loads(line) for line in lines] == records.read()
  assert records.read()[1] == {"step": 2, "loss": 0.25, "iou": None}


def test_values_that_come_later_join_the_record_of_their_step(records):
  records.write(1, {"loss": 0.5})
  records.write(2, {"loss": 0.25})
  records.write(2, {"eval/miou": 0.75})
  assert records.read() == [
      {"step": 1, "loss": 0.5},
      {"step": 2, "loss": 0.25, "eval/miou": 0.75},
  ]
  assert records.scores("eval/miou") == {2: 0.75}


def test_a_resumed_run_joins_the_record_of_the_step_it_resumes_at(records):
  records.write(2, {"loss": 0.25})
  again = records_lib.Records(records.path.parent)
  again.truncate(2)
  again.write(2, {"eval/miou": 0.75})
  assert again.read() == [{"step": 2, "loss": 0.25, "eval/miou": 0.75}]


@pytest.mark.parametrize("torn", ('{"step": 3, "lo', '{"step": 3}', "", "\n"))
def test_a_torn_last_line_is_not_read_and_truncation_removes_it(records, torn):
  for step in (1, 2):
    records.write(step, {"loss": 0.5})
  whole = records.path.read_text()
  records.path.write_text(whole + torn)
  assert [r["step"] for r in records.read()] == [1, 2]
  records.truncate(9)
  assert records.path.read_text() == whole


def damage(records, line, text):
  lines = records.path.read_text().splitlines(keepends=True)
  lines[line - 1] = text
  records.path.write_text("".join(lines))


@pytest.mark.parametrize(
    "text",
    ("\n", "?\n", "[]\n", '{"st?p": 2}\n', '{"step": "2"}\n', '{"step": 1}\n'),
)
def test_a_damaged_line_is_an_error_that_names_it(records, text):
  """The numbers of its step were computed once, and will not be again."""
  for step in (1, 2, 3, 4):
    records.write(step, {"loss": 0.5})
  damage(records, 2, text)
  before = records.path.read_bytes()
  for read in (records.read, lambda: records.truncate(3)):
    with pytest.raises(ValueError, match="damaged at line 2 of 4"):
      read()
  assert records.path.read_bytes() == before


def test_a_damaged_line_of_a_step_that_is_done_again_does_not_matter(records):
  for step in (1, 2, 3, 4):
    records.write(step, {"loss": 0.5})
  damage(records, 3, "\0\0\0\n")
  records.truncate(2)
  assert [record["step"] for record in records.read()] == [1, 2]


def test_a_run_that_goes_on_without_its_records_says_so(records, capsys):
  records.truncate(3)
  assert "metrics.jsonl is missing" in capsys.readouterr().err
  records.truncate(0)
  assert not capsys.readouterr().err


def test_truncation_forgets_later_steps(records):
  for step in (1, 2, 3):
    records.write(step, {"loss": 0.5})
  records.truncate(2)
  records.write(3, {"loss": 0.125})
  assert [r["step"] for r in records.read()] == [1, 2, 3]
  assert records.read()[2]["loss"] == 0.125
  records.truncate(0)
  assert records.read() == []


def test_what_depends_on_the_machine_is_not_recorded(records):
  records.write(1, {"loss": 0.5, "images_per_second": 17.0})
  assert records.read() == [{"step": 1, "loss": 0.5}]


def test_nothing_is_read_where_there_is_no_file(records):
  assert records.read() == []
  records.truncate(3)
  assert not records.path.exists()
