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
