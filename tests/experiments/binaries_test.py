"""evaluate and predict on a network that a smoke run has trained."""

import json
import pathlib

import numpy as np
from PIL import Image
import pytest

from tests.experiments.running import run

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
  folder = tmp_path_factory.mktemp("run")
  data_dir = tmp_path_factory.mktemp("data")
  run(
      "train",
      "--config=configs/unet_camvid.py:smoke",
      f"--workdir={folder}",
      f"--config.dataset.data_dir={data_dir}",
  )
  return folder


def failure(name, *arguments):
  """The one line of an error."""
  _, complaint = run(name, *arguments, status=1)
  lines = complaint.strip().splitlines()
  assert len(lines) == 1, complaint
  assert lines[0].startswith("error: ")
  return lines[0]


def test_evaluate_writes_the_figures_the_matrix_and_the_protocol(workdir):
  run("evaluate", f"--workdir={workdir}", "--scales=0.5,1", "--flip")
  report = json.loads((workdir / "evaluation.json").read_text())
  counts = np.array(report["confusion_matrix"])
  assert counts.sum() == 2 * 48 * 64
  tp = np.diag(counts)
  np.testing.assert_allclose(report["pixel_accuracy"], tp.sum() / counts.sum())
  union = counts.sum(0) + counts.sum(1) - tp
  want = np.mean(tp[union > 0] / union[union > 0])
  np.testing.assert_allclose(report["miou"], want)
  assert next(iter(report["iou"])) == "background"
  assert 0 < report["class_accuracy"] <= 1
  protocol = report["protocol"]
  assert protocol["scales"] == [0.5, 1]
  assert protocol["flip"] is True
  assert protocol["images"] == 2
  assert protocol["step"] == 3


def test_evaluate_follows_a_protocol_and_its_changes(workdir):
  """Windows, CRF, morphology and boundaries, all of it in evaluation.json."""
  run(
      "evaluate",
      f"--workdir={workdir}",
      "--protocol=unet overlap-tile",
      "--window=32,48",
      "--stride=16",
      "--margin=8",
      "--blend=gaussian",
      "--crf",
      "--crf_settings=deeplab_v1",
      "--opening=1",
      "--min_component=4",
      "--boundary",
  )
  report = json.loads((workdir / "evaluation.json").read_text())
  protocol = report["protocol"]
  assert (protocol["window"], protocol["stride"]) == ([32, 48], [16, 16])
  assert (protocol["margin"], protocol["blend"]) == (8, "gaussian")
  assert protocol["crf"] == "deeplab_v1"
  assert protocol["postprocessing"] == {"opening": 1, "min_component": 4}
  assert protocol["source"].startswith("arXiv:1505.04597")
  assert protocol["source"].endswith("crf, margin, stride, window")
  assert np.sum(report["confusion_matrix"]) == 2 * 48 * 64
  assert 0 <= report["boundary_f1"] <= 1
  assert 0 <= report["boundary_iou"] <= 1


def test_evaluate_gives_what_training_measured(workdir):
  run("evaluate", f"--workdir={workdir}", "--checkpoint=last")
  report = json.loads((workdir / "evaluation.json").read_text())
  lines = (workdir / "metrics.jsonl").read_text().splitlines()
  measured = json.loads(lines[-1])["eval/miou"]
  np.testing.assert_allclose(report["miou"], measured, rtol=1e-6)


def test_predict_draws_files_and_folders(workdir, tmp_path):
  folder = tmp_path / "pictures" / "deep"
  folder.mkdir(parents=True)
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 255, (37, 53, 3), np.uint8)
  Image.fromarray(pixels).save(folder / "ä photo.jpg")
  Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
  run(
      "predict",
      f"--workdir={workdir}",
      f"--output={tmp_path / 'out'}",
      tmp_path / "grey.png",
      tmp_path / "pictures",
  )
  names = sorted(p.name for p in (tmp_path / "out").iterdir())
  assert names == sorted(
      [
          "grey_mask.png",
          "grey_overlay.png",
          "ä photo_mask.png",
          "ä photo_overlay.png",
      ]
  )
  with Image.open(tmp_path / "out" / "grey_mask.png") as mask:
    assert mask.mode == "P"
    assert mask.size == (53, 37)
    assert np.asarray(mask).max() < 4
  with Image.open(tmp_path / "out" / "ä photo_overlay.png") as overlay:
    assert overlay.width > 2 * 53  # image, overlay and legend


def test_predict_shows_a_split_with_its_truth(workdir, tmp_path):
  printed, _ = run(
      "predict",
      f"--workdir={workdir}",
      f"--output={tmp_path}",
      "--split=validation",
      "--limit=1",
  )
  assert len(printed.splitlines()) == 1
  with Image.open(printed.strip()) as picture:
    assert picture.width > 3 * 64


def test_predict_writes_a_submission(workdir, tmp_path):
  run(
      "predict",
      f"--workdir={workdir}",
      f"--output={tmp_path}",
      "--split=validation",
      "--submission=voc",
      "--max_hole=9",
  )
  tree = tmp_path / "results" / "VOC2012" / "Segmentation" / "comp6_test_cls"
  assert len(list(tree.glob("*.png"))) == 2
  assert [p for p in tmp_path.rglob("*") if p.is_file()] == list(tree.iterdir())


def test_mistakes_are_one_line_that_says_what_is_possible(workdir, tmp_path):
  assert "no workdir" in failure("evaluate", "--workdir=runs/nowhere")
  message = failure("evaluate", f"--workdir={workdir}", "--split=tset")
  assert "'tset'" in message
  assert "validation" in message
  message = failure("evaluate", f"--workdir={workdir}", "--checkpoint=7")
  assert "'best' and 'last'" in message
  message = failure("evaluate", f"--workdir={workdir}", "--scales=half")
  assert "--scales=half" in message
  message = failure("evaluate", f"--workdir={workdir}", "--window=9,x")
  assert "--window=9,x is not height,width" in message
  message = failure("evaluate", f"--workdir={workdir}", "--protocol=slide")
  assert "no protocol 'slide'; there are 'whole'" in message
  message = failure("evaluate", f"--workdir={workdir}", "--output_stride=8")
  assert "UNet has no backbone" in message
  out = f"--output={tmp_path / 'out'}"
  message = failure("predict", f"--workdir={workdir}", out, "no.png")
  assert "no image file or folder no.png" in message
  broken = tmp_path / "broken.png"
  broken.write_bytes(b"\x89PNG\r\n\x1a\n")
  message = failure("predict", f"--workdir={workdir}", out, broken)
  assert "broken.png cannot be read as an image" in message


def test_a_checkpoint_of_another_model_names_the_difference(workdir, tmp_path):
  other = tmp_path / "other"
  other.mkdir()
  config = json.loads((workdir / "config.json").read_text())
  config["model"]["features"] = [4, 16, 32]
  (other / "config.json").write_text(json.dumps(config))
  (other / "checkpoints").symlink_to(workdir / "checkpoints")
  (other / "metrics.jsonl").write_text("")
  message = failure("evaluate", f"--workdir={other}")
  assert "another model" in message
  assert "down1/conv1/norm/var: saved (8,), wanted (4,)" in message


def test_exported_weights_predict_as_the_run_does(workdir, tmp_path):
  out = tmp_path / "weights"
  run("export", f"--workdir={workdir}", f"--output={out}", "--dtype=bfloat16")
  texts = [p.read_bytes() for p in out.rglob("*") if p.is_file()]
  assert not any(str(tmp_path).encode() in text for text in texts)
  images = ["--split=validation", "--limit=1"]
  masks = []
  for folder in (workdir, out):
    run("predict", f"--workdir={folder}", f"--output={folder}/drawn", *images)
    (mask,) = (folder / "drawn").glob("*_mask.png")
    with Image.open(mask) as picture:
      masks.append(np.asarray(picture))
  assert np.mean(masks[0] == masks[1]) > 0.95
  message = failure("export", f"--workdir={workdir}", f"--output={out}")
  assert "exists already" in message


@pytest.mark.parametrize(
    "name",
    sorted(p.name for p in (ROOT / "checkpoints").iterdir() if p.is_dir()),
)
def test_the_published_weights_predict(name, tmp_path):
  """checkpoints/README.md: from a clone, on a photograph of one's own."""
  photo = tmp_path / "street.png"
  Image.fromarray(np.full((90, 120, 3), (60, 120, 200), np.uint8)).save(photo)
  weights = ROOT / "checkpoints" / name
  run("predict", f"--workdir={weights}", f"--output={tmp_path}", photo)
  with Image.open(tmp_path / "street_mask.png") as mask:
    label = np.asarray(mask)
  assert label.shape == (90, 120)
  assert label.max() < 11
