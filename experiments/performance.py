"""Tables of what `experiments.benchmark` has measured."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any

HEADER = (
    "| network | input | parameters | GFLOP | memory | forward | images/s"
    " | training step | PyTorch | ratio |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)

_INTRODUCTION = """\
# Performance

Written by `python -m experiments.benchmark --page=docs/performance.md` from the files in
`benchmarks/`; a test compares the two.

Times are medians, with the smallest and the largest in brackets. GFLOP (a multiplication and
its addition are two) and memory (arguments, results and temporaries of the forward pass) are
what the compiler says of its own program. PyTorch is the same network with the same weights,
replayed from our trace on PyTorch's own kernels (channels_last, fused inference BatchNorm,
activations in place; `experiments/torch_peer.py`) after its outputs were found equal to ours. The
two alternate in one process on the same cores. The ratio is our time over PyTorch's: below 1 we
are faster. Where it says "folded", BatchNorm was folded into the convolutions before.
"""


def row(found: Mapping[str, Any]) -> str:
  """A line of the table: one entry of "models"."""
  forward, train, peer = (found.get(k) for k in ("forward", "train", "peer"))
  shape = "x".join(map(str, (found["batch"], *found["size"])))
  cells = (
      found["name"],
      shape if found["dtype"] == "float32" else f"{shape} {found['dtype']}",
      f"{found['parameters'] / 1e6:.2f} M",
      f"{forward['flops'] / 1e9:.1f}",
      f"{forward['memory']['total'] / 2**20:.0f} MiB",
      _time(forward) + ", folded" * found.get("folded", False),
      f"{forward['images_per_second']:.2f}",
      _time(train) if train else "",
      _time(peer) + ", folded" * peer.get("folded", False) if peer else "",
      f"{peer['ratio']:.2f}" if peer else "",
  )
  return f"| {' | '.join(cells)} |"


def page(folder: pathlib.Path) -> str:
  """The page of all results in a folder.

  Raises:
    FileNotFoundError: there is none.
  """
  files = sorted(folder.glob("*.json"))
  if not files:
    raise FileNotFoundError(f"there is no result (.json) in {folder}")
  return "\n".join([_INTRODUCTION, *map(_section, files)])


def _section(path: pathlib.Path) -> str:
  results = json.loads(path.read_text())
  device = results["device"]
  if device == "cpu":
    device = f"{results['cpu']}, {results['cores']} cores"
  versions = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
  peers = {m["peer"]["name"] for m in results["models"] if "peer" in m}
  return "\n".join(
      (
          f"## {path.stem}\n",
          f"{device}; {', '.join([versions, *sorted(peers)])};"
          f" {results['date']}; load average before the run"
          f" {results['load_before']:.1f}.\n",
          f"```sh\n{results['command']}\n```\n",
          HEADER,
          *map(row, results["models"]),
          "",
      )
  )


def _time(found: Mapping[str, Any]) -> str:
  median, low, high = (
      1000 * found["seconds"][k] for k in ("median", "min", "max")
  )
  return f"{median:.0f} ms ({low:.0f} to {high:.0f})"
