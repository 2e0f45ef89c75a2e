"""Tables of what `experiments.benchmark` has measured."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any

HEADER = (
    "| network | input | parameters | GFLOP | memory | forward | images/s"
    " | PyTorch | ratio | training step | memory | PyTorch | ratio |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)

_INTRODUCTION = """\
# Performance

Written by `python -m experiments.benchmark --page=docs/performance.md` from the files in
`benchmarks/`; a test compares the two.

Times are medians, with the smallest and the largest in brackets. GFLOP (a multiplication and
its addition are two) and memory (arguments, results and temporaries of the forward pass, or of
the training step) are what the compiler says of its own program. PyTorch is the same network
with the same weights, replayed from our trace on PyTorch's own kernels (channels_last, fused
BatchNorm, activations in place; `experiments/torch_peer.py`) after its outputs were found equal to
ours; of a training step, the same heads, losses and SGD, after its first loss and gradient were.
bfloat16 is autocast there. Where it also ran under torch.compile, the faster form counts, and
says so. All alternate in one process on the same cores. The ratio is our time over PyTorch's:
below 1 we are faster. Where it says "folded", BatchNorm was folded into the convolutions before.
"""

_PICTURE = """\

![our time over PyTorch's, of inference and of training steps]({name})
"""


def results(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
  """All results in a folder by the names of their files.

  Raises:
    FileNotFoundError: there is none.
  """
  files = sorted(folder.glob("*.json"))
  if not files:
    raise FileNotFoundError(f"there is no result (.json) in {folder}")
  return {path.stem: json.loads(path.read_text()) for path in files}


def row(found: Mapping[str, Any]) -> str:
  """A line of the table: one entry of "models"."""
  forward, train = found.get("forward"), found.get("train")
  shape = "x".join(map(str, (found["batch"], *found["size"])))
  if found.get("dtype", "float32") != "float32":
    shape = f"{shape} {found['dtype']}"
  cells = [found["name"], shape]
  if "error" in found:
    cells += ["", "", "", _failed(found), *[""] * 7]
    return f"| {' | '.join(cells)} |"
  folded = ", folded" * found.get("folded", False)
  cells += [
      f"{found['parameters'] / 1e6:.2f} M",
      f"{forward['flops'] / 1e9:.1f}",
      _memory(forward["memory"]["total"]),
      _time(forward) + folded,
      f"{forward['images_per_second']:.2f}",
      *_peer(found.get("peer")),
  ]
  if not train:
    cells += [""] * 4
  elif "error" in train:
    cells += [_failed(train), "", "", ""]
  else:
    memory = _memory(train["memory"]["total"])
    cells += [_time(train), memory, *_peer(train.get("peer"))]
  return f"| {' | '.join(cells)} |"


def errors(found: Mapping[str, Any]) -> list[str]:
  """What failed of a network, but for torch.compile."""
  train = found.get("train", {})
  parts = {
      "": found,
      ", the peer": found.get("peer", {}),
      ", training": train,
      ", the peer's training": train.get("peer", {}),
  }
  return [
      f"{found['name']}{what}: {part['error']}"
      for what, part in parts.items()
      if "error" in part
  ]


def page(folder: pathlib.Path, picture: str | None = None) -> str:
  """The page of all results in a folder, and of the picture if it has one.

  Raises:
    FileNotFoundError: there is none.
  """
  sections = [_section(*pair) for pair in results(folder).items()]
  introduction = _INTRODUCTION
  if picture:
    introduction += _PICTURE.format(name=picture)
  return "\n".join([introduction, *sections])


def device(found: Mapping[str, Any]) -> str:
  """What the results in a file were measured on."""
  if found["device"] == "cpu":
    return f"{found['cpu']}, {found['cores']} cores"
  return found["device"]


def _section(name: str, found: Mapping[str, Any]) -> str:
  versions = ", ".join(f"{k} {v}" for k, v in found["versions"].items())
  peers = [m.get("peer", {}) for m in found["models"]]
  peers += [m.get("train", {}).get("peer", {}) for m in found["models"]]
  peers = {peer["name"] for peer in peers if "name" in peer}
  return "\n".join(
      (
          f"## {name}\n",
          f"{device(found)}; {', '.join([versions, *sorted(peers)])};"
          f" {found['date']}; load average before the run"
          f" {found['load_before']:.1f}.\n",
          f"```sh\n{found['command']}\n```\n",
          HEADER,
          *map(row, found["models"]),
          "",
      )
  )


def _peer(peer: Mapping[str, Any] | None) -> list[str]:
  """The peer's time and the ratio."""
  if not peer:
    return ["", ""]
  if "ratio" not in peer:
    forms = peer.get("forms", {})
    return [_failed(peer if "error" in peer else forms["eager"]), ""]
  text = _time(peer) + ", folded" * peer.get("folded", False)
  text += ", compiled" * (peer.get("fastest") == "compiled")
  if "peak_memory" in peer:
    text += f", {_memory(peer['peak_memory'])}"
  return [text, f"{peer['ratio']:.2f}"]


def _failed(found: Mapping[str, Any]) -> str:
  return f"failed: {found['error']}".replace("|", "\\|")


def _memory(count: int) -> str:
  return f"{count / 2**20:.0f} MiB"


def _time(found: Mapping[str, Any]) -> str:
  median, low, high = (
      1000 * found["seconds"][k] for k in ("median", "min", "max")
  )
  return f"{median:.0f} ms ({low:.0f} to {high:.0f})"
