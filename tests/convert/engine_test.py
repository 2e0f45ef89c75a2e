"""Conversion is strict in both directions."""

from flax import linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import layers
from segjax.convert import engine


class Net(nn.Module):
  """A convolution with norm, and two that make the logits."""

  num_classes: int

  @nn.compact
  def __call__(self, image, *, train):
    x = layers.ConvNormAct(4, name="stem")(image, train=train)
    y = layers.Conv(4, name="skip")(image)
    x = jnp.concatenate([x, y], axis=-1)
    x = layers.ConvTranspose(5, 2, 2, name="up")(x)
    return {"logits": layers.Conv(self.num_classes, 1, name="head")(x)}


TABLE = (
    ("a", "stem/conv"),
    (r"a\.bn", "stem/norm"),
    ("skip", "skip"),
    ("up", "up", engine.transposed),
    ("head", "head"),
    ("unused", None),
)
SOURCE = engine.Source(Net, TABLE, "head.weight", "a.weight", size=8)


def checkpoint():
  shapes = {
      "a.weight": (4, 3, 3, 3),
      "a.bn.weight": (4,),
      "a.bn.bias": (4,),
      "a.bn.running_mean": (4,),
      "a.bn.running_var": (4,),
      "a.bn.num_batches_tracked": (),
      "skip.weight": (4, 3, 3, 3),
      "skip.bias": (4,),
      "up.weight": (8, 5, 2, 2),
      "up.bias": (5,),
      "head.weight": (7, 5, 1, 1),
      "head.bias": (7,),
      "unused.weight": (10, 4),
  }
  rng = np.random.default_rng(0)
  return {k: rng.standard_normal(v) for k, v in shapes.items()}


def test_kernels_are_turned_into_our_layout():
  tensors = checkpoint()
  model, variables = engine.convert(SOURCE, tensors)
  params = variables["params"]
  assert model.num_classes == 7
  np.testing.assert_array_equal(
      params["stem"]["conv"]["kernel"][2, 1, 0, 3],
      np.float32(tensors["a.weight"][3, 0, 2, 1]),
  )
  np.testing.assert_array_equal(
      params["up"]["kernel"][1, 0, 7, 4],
      np.float32(tensors["up.weight"][7, 4, 1, 0]),
  )
  np.testing.assert_array_equal(
      variables["batch_stats"]["stem"]["norm"]["var"],
      np.float32(tensors["a.bn.running_var"]),
  )


def test_every_leaf_is_float32():
  """Half precision in the file, or double, is single in the model."""
  tensors = {k: np.float16(v) for k, v in checkpoint().items()}
  _, variables = engine.convert(SOURCE, tensors)
  assert variables["params"]["head"]["bias"].dtype == np.float32
  np.testing.assert_array_equal(
      variables["params"]["head"]["bias"], np.float32(tensors["head.bias"])
  )


def test_a_tensor_without_a_place_is_an_error():
  tensors = checkpoint() | {"tail.weight": np.zeros((2, 2, 1, 1))}
  with pytest.raises(
      ValueError, match=r"no place.*tail\.weight \(2, 2, 1, 1\)"
  ):
    engine.convert(SOURCE, tensors)


def test_a_leaf_that_the_table_leads_nowhere_is_an_error():
  tensors = checkpoint() | {"skip.weight_g": np.zeros(4)}
  with pytest.raises(ValueError, match=r"no place.*skip\.weight_g"):
    engine.convert(SOURCE, tensors)


def test_a_leaf_without_a_tensor_is_an_error():
  tensors = checkpoint()
  del tensors["a.bn.running_var"]
  with pytest.raises(
      ValueError, match=r"no tensor: batch_stats/stem/norm/var \(4,\)"
  ):
    engine.convert(SOURCE, tensors)


def test_another_shape_is_an_error():
  tensors = checkpoint() | {"skip.weight": np.zeros((4, 3, 1, 1))}
  with pytest.raises(ValueError, match=r"skip/kernel \(1, 1, 3, 4\), we have"):
    engine.convert(SOURCE, tensors)


def test_two_tensors_for_a_leaf_are_an_error():
  table = (("skip2", "skip"), *TABLE)
  source = engine.Source(Net, table, "head.weight", "a.weight", size=8)
  tensors = checkpoint() | {"skip2.bias": np.zeros(4)}
  with pytest.raises(ValueError, match=r"skip2\.bias and skip\.bias are"):
    engine.convert(source, tensors)


def test_without_the_classifier_the_classes_are_unknown():
  tensors = checkpoint()
  del tensors["head.weight"]
  with pytest.raises(ValueError, match=r"no tensor 'head\.weight'"):
    engine.convert(SOURCE, tensors)


def test_rolled_inputs_follow_the_order_of_concatenation():
  """Where the source has [a, b] and we [b, a], roll by minus a's channels."""
  kernel = np.arange(5).reshape(1, 5, 1, 1)  # a is 0 and 1, b is 2 to 4.
  rolled = engine.roll_inputs(-2)(kernel)
  assert rolled.ravel().tolist() == [2, 3, 4, 0, 1]


class SeparableNet(nn.Module):
  """A separable convolution and a classifier."""

  num_classes: int

  @nn.compact
  def __call__(self, image, *, train):
    x = layers.SeparableConvNormAct(4, name="conv")(image, train=train)
    return {"logits": layers.Conv(self.num_classes, 1, name="head")(x)}


TENSORFLOW = engine.Source(
    SeparableNet,
    (
        ("global_step", None),
        (".*/(weights|gamma)", None),
        ("root/conv_depthwise", "conv/depthwise/conv"),
        ("root/conv_depthwise/BatchNorm", "conv/depthwise/norm"),
        ("root/conv_pointwise", "conv/pointwise/conv"),
        ("root/conv_pointwise/BatchNorm", "conv/pointwise/norm"),
        ("logits", "head"),
    ),
    "logits/biases",
    "root/conv_depthwise/depthwise_weights",
    layout=engine.TENSORFLOW,
)


def tensorflow_checkpoint():
  shapes = {
      "global_step": (),
      "root/conv_depthwise/depthwise_weights": (3, 3, 3, 1),
      "root/conv_pointwise/weights": (1, 1, 3, 4),
      "root/conv_pointwise/weights/Momentum": (1, 1, 3, 4),
      "logits/weights": (1, 1, 4, 7),
      "logits/biases": (7,),
  }
  for part, width in (("depthwise", 3), ("pointwise", 4)):
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
      shapes[f"root/conv_{part}/BatchNorm/{name}"] = (width,)
  rng = np.random.default_rng(0)
  return {k: rng.standard_normal(v) for k, v in shapes.items()}


def test_tensorflow_s_kernels_are_ours_but_for_depthwise_ones():
  """HWIO stays, HWC1 becomes HW1C, and the channels are counted right."""
  tensors = tensorflow_checkpoint()
  model, variables = engine.convert(TENSORFLOW, tensors)
  assert model.num_classes == 7
  conv = variables["params"]["conv"]
  depthwise = tensors["root/conv_depthwise/depthwise_weights"]
  np.testing.assert_allclose(
      conv["depthwise"]["conv"]["kernel"][:, :, 0], depthwise[..., 0]
  )
  np.testing.assert_allclose(
      conv["pointwise"]["conv"]["kernel"],
      tensors["root/conv_pointwise/weights"],
  )
  stats = variables["batch_stats"]["conv"]["pointwise"]["norm"]
  np.testing.assert_allclose(
      stats["var"], tensors["root/conv_pointwise/BatchNorm/moving_variance"]
  )


def test_what_tensorflow_s_optimiser_keeps_is_dropped():
  assert engine.dropped(TENSORFLOW, tensorflow_checkpoint()) == [
      "global_step",
      "root/conv_pointwise/weights/Momentum",
  ]


def test_tensorflow_s_inputs_are_the_third_axis():
  kernel = np.arange(5).reshape(1, 1, 5, 1)
  rolled = engine.roll_inputs(-2, engine.TENSORFLOW)(kernel)
  assert rolled.ravel().tolist() == [2, 3, 4, 0, 1]


@pytest.mark.parametrize(
    "name, shape, message",
    (
        ("a.weight", (4, 3), "'a.weight' should be a kernel of four axes"),
        ("head.weight", (), "'head.weight' should have an axis of classes"),
    ),
)
def test_a_damaged_tensor_that_gives_a_size_is_named(name, shape, message):
  tensors = checkpoint() | {name: np.zeros(shape)}
  with pytest.raises(ValueError, match=message):
    engine.convert(SOURCE, tensors)
