"""Files of results/ that nobody measured."""

from experiments import results_data


def evaluation(miou, **others):
  return {
      "miou": miou,
      "pixel_accuracy": 0.75,
      "class_accuracy": 0.5,
      "boundary_f1": 0.125,
      "iou": {"sky": miou, "road": 0.625, "car": None, "bus": None},
      "protocol": {"split": "validation", "scales": [0.5], "window": None},
      **others,
  }


def result(row, network, miou=0.5, **others):
  """A file of results/ with everything that one must have."""
  config = {"seed": 0, "total_steps": 200}
  return {
      "row": row,
      "table": "camvid",
      "network": network,
      "size": "full",
      "commands": ["python -m experiments.train"],
      "command": f"python -m experiments.reproduce --row={row}",
      "commit": "0123456789" * 4,
      "dirty": False,
      "date": "2026-11-21",
      "seed": 0,
      "device": "cpu",
      "cpu": "Some Processor",
      "cores": 1,
      "load_before": 0.25,
      "versions": {"segjax": "0.1", "jax": "0.10.1"},
      "config": config,
      "config_sha256": results_data.config_hash(config),
      "parameters": 1234567,
      "gflops": 12.34,
      "shown_size": [180, 240],
      "images_per_second": 9.875,
      "images_seen": 4800,
      "seconds": 750.0,
      "curves": {
          "loss": [[step, 2 - step / 200] for step in range(1, 201)],
          "eval/miou": [[100, miou / 2], [200, miou]],
      },
      "paper": None,
      "evaluations": {"validation": evaluation(miou)},
  } | others
