"""The published TensorFlow Lite networks, against their run and their graph."""

import functools
import pathlib
import re

import jax
import numpy as np
import pytest

from segjax import convert, ops
from segjax.convert import tflite
from segjax.training import protocol
from tests import variables as draws

FOLDER = pathlib.Path(__file__).parents[3] / "shared/data/checkpoints"
NAMES = ("deeplabv3_257_mv_gpu", "deeplabv3_mnv2_pascal_quant")

needs_files = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="needs ../shared/data/checkpoints"
)


@functools.cache
def tensors(name):
  return convert.read(FOLDER / f"{name}.npz")


def reference(name):
  """The reference's input as the network sees it, and what came out."""
  run = dict(np.load(FOLDER / f"{name}__2007_000175.npz"))
  image = run["input"]
  if image.dtype == np.uint8:
    image = ops.normalize(image, "unit")
  return np.asarray(image, np.float32)[None], run


@functools.cache
def logits(name):
  model, variables = convert.load(f"tflite/{name}", tensors(name))
  image, _ = reference(name)
  return np.asarray(draws.forward(model, variables, image)["logits"])


@needs_files
def test_the_float_network_repeats_its_reference_run():
  """Logits at every fourth pixel, and the class of every pixel."""
  name = NAMES[0]
  got, (_, run) = logits(name)[0], reference(name)
  want = run["logits_sub"]
  np.testing.assert_allclose(got[::4, ::4], want, atol=1e-4 * np.std(want))
  np.testing.assert_array_equal(got.argmax(-1), run["argmax"])


@needs_files
def test_the_quantised_network_is_near_its_reference_run():
  """The run was in eight-bit integers; our weights are the floats they mean."""
  name = NAMES[1]
  got, (_, run) = logits(name)[0], reference(name)
  assert np.mean(got.argmax(-1) == run["argmax"]) > 0.985


OPERATION = re.compile(
    r"\s*\d+ (?P<kind>\w+)\s+(?:s(?P<stride>\d)x\d d(?P<dilation>\d)"
    r" padSAME )?(?:act(?P<act>\d))?.*in=(?P<inputs>.*)"
    r" out=(?P<output>\d+)\((?P<shape>[\d, ]+)\)"
)


def same(x, size, stride, dilation):
  """TensorFlow's "SAME": what is odd comes behind."""
  import torch.nn.functional as F  # noqa: N812

  pads = []
  for n in reversed(x.shape[2:]):
    reach = (-(-n // stride) - 1) * stride + dilation * (size - 1) + 1
    more = max(reach - n, 0)
    pads += [more // 2, more - more // 2]
  return F.pad(x, pads)


def interpret(name, image):
  """The logits, by the list of the file's operations, on PyTorch."""
  torch = pytest.importorskip("torch")
  from torch.nn import functional as F  # noqa: N812

  lines = (FOLDER / f"{name}.ops.txt").read_text().splitlines()
  stored = {int(k.partition(":")[0]): v for k, v in tensors(name).items()}
  constants = {k: torch.from_numpy(np.array(v)) for k, v in stored.items()}
  values = {}
  for line in lines:
    found = OPERATION.match(line)
    numbers = re.sub(r"#?\([^)]*\)", "", found["inputs"]).replace("#", "")
    inputs = [int(n) for n in numbers.split()]
    if not values:
      values[inputs[0]] = torch.tensor(image).permute(0, 3, 1, 2)
    x = values[inputs[0]]
    kind, shape = found["kind"], tuple(map(int, found["shape"].split(", ")))
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
      kernel, bias = (constants[i] for i in inputs[1:])
      alone = kind == "DEPTHWISE_CONV_2D"
      kernel = kernel.permute(*((3, 0, 1, 2) if alone else (0, 3, 1, 2)))
      stride, dilation = int(found["stride"]), int(found["dilation"])
      y = F.conv2d(
          same(x, kernel.shape[-1], stride, dilation),
          kernel,
          bias,
          stride,
          dilation=dilation,
          groups=x.shape[1] if alone else 1,
      )
      y = {"0": lambda y: y, "1": F.relu, "3": F.relu6}[found["act"]](y)
    elif kind == "ADD":
      y = x + values[inputs[1]]
    elif kind == "AVERAGE_POOL_2D":
      y = x.mean((2, 3), keepdim=True)
    elif kind == "RESIZE_BILINEAR":
      assert "align_corners=True" in line
      y = F.interpolate(x, shape[1:3], mode="bilinear", align_corners=True)
    elif kind == "CONCATENATION":
      y = torch.cat([values[i] for i in inputs], 1)
    elif kind == "QUANTIZE":
      y = x
    else:
      assert kind == "ARG_MAX", line
      break
    assert y.permute(0, 2, 3, 1).shape == shape, line
    values[int(found["output"])] = result = y
  return result.permute(0, 2, 3, 1).numpy()


@needs_files
@pytest.mark.parametrize("name", NAMES)
def test_the_graph_is_the_file_s(name):
  """Our network, and the file's operations one by one, in floats."""
  image, _ = reference(name)
  want = interpret(name, image)
  np.testing.assert_allclose(logits(name), want, atol=1e-4 * np.std(want))


@needs_files
@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_classes_is_read_off_the_tensors(name):
  few = {
      k: v[:7] if "logits/semantic" in k else v
      for k, v in tensors(name).items()
  }
  model, variables = convert.load(f"tflite/{name}", few)
  assert model.num_classes == 7
  assert variables["params"]["classifier"]["kernel"].shape[-1] == 7


@needs_files
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_checkpoint_is_refused(name):
  whole = tensors(name)
  lost = [k for k in whole if "expanded_conv_3/project" in k]
  with pytest.raises(ValueError, match=r"block4/project/(conv|norm)"):
    convert.load(
        f"tflite/{name}", {k: v for k, v in whole.items() if k != lost[0]}
    )
  with pytest.raises(ValueError, match="no place in the model"):
    convert.load(f"tflite/{name}", whole | {"999:extra/weights": np.ones((1,))})
  with pytest.raises(ValueError, match="no tensor 'logits/semantic"):
    convert.load(
        f"tflite/{name}", {k: v for k, v in whole.items() if "logits" not in k}
    )


@pytest.mark.parametrize(
    "stored, want",
    (
        ("003:MobilenetV2/Conv/weights", "MobilenetV2/Conv/conv/kernel"),
        ("001:MobilenetV2/Conv/Conv2D_bias", "MobilenetV2/Conv/norm/bias"),
        ("006:a/depthwise/depthwise_weights", "a/depthwise/conv/kernel"),
        ("005:a/depthwise/depthwise_bias", "a/depthwise/norm/bias"),
        (
            "063:a/Conv2D_Fold;a/weights_quant/FakeQuantWithMinMaxVars",
            "a/conv/kernel",
        ),
        ("021:a/add_fold;b/Conv2D_Fold;a/BatchNorm_Fold/bias", "a/norm/bias"),
        ("004:c/BiasAdd;c/Conv2D;c/biases", "c/norm/bias"),
        ("165:ResizeBilinear_1/size", "ResizeBilinear_1/size"),
        ("MobilenetV2/Conv/weights", "MobilenetV2/Conv/conv/kernel"),
    ),
)
def test_names_become_plain(stored, want):
  assert tflite.plain(stored) == want


@pytest.mark.parametrize("name", NAMES)
def test_there_are_no_statistics(name):
  """All norms are biases; the widths are the halves, not multiples of eight."""
  model = convert.source(f"tflite/{name}").build(21)
  image = jax.ShapeDtypeStruct((1, 65, 65, 3), np.float32)
  variables = draws.shapes(model, image)
  assert set(variables) == {"params"}
  wide = variables["params"]["backbone"]["block2"]["project"]["norm"]["bias"]
  assert wide.shape == {NAMES[0]: (12,), NAMES[1]: (24,)}[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_presets_are_there(name):
  """What a converted network is shown, by names that the house knows."""
  preset = convert.preset(f"tflite/{name}")
  assert preset.preprocess in ops.PRESETS
  side = {NAMES[0]: 257, NAMES[1]: 513}[name]
  shown = protocol.preset(preset.protocol)
  assert (shown.long_side, shown.pad_to) == (side, (side, side))
  assert shown.fill == (127, 127, 127)
