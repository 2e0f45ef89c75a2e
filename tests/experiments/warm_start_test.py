"""A run starts from public weights: all that fit, and never silently less."""

import functools
import pathlib
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import build as build_lib
from experiments import config as config_lib
from experiments import subjects, trained, warm_start
from segjax import convert
from segjax.convert import engine
from segjax.training import state as state_lib
from tests.training import tiny

BACKBONE = (
    (r"layer(\d)\.conv", r"layer\1/block/conv"),
    (r"layer(\d)\.bn", r"layer\1/block/norm"),
    ("fc", None),
)
WHOLE = (
    *(
        (f"backbone\\.{old}", new and f"backbone/{new}")
        for old, new in BACKBONE
    ),
    ("head", "head"),
    ("aux", "aux_head"),
)


def backbone_tensors(prefix="", **changes):
  """As PyTorch stores `tiny.Backbone`, filled with sevens."""
  shapes = {}
  for i, (features, inputs) in enumerate(((4, 3), (8, 4)), start=1):
    layer = f"{prefix}layer{i}."
    shapes[layer + "conv.weight"] = (features, inputs, 3, 3)
    shapes[layer + "conv.bias"] = (features,)
    for leaf in ("weight", "bias", "running_mean", "running_var"):
      shapes[f"{layer}bn.{leaf}"] = (features,)
    shapes[layer + "bn.num_batches_tracked"] = ()
  shapes |= {prefix + "fc.weight": (10, 8), prefix + "fc.bias": (10,)}
  return {k: np.full(v, 7, np.float32) for k, v in (shapes | changes).items()}


def whole_tensors(classes):
  tensors = backbone_tensors("backbone.")
  for head in ("head", "aux"):
    tensors[f"{head}.weight"] = np.full((classes, 8, 1, 1), 7, np.float32)
    tensors[f"{head}.bias"] = np.full((classes,), 7, np.float32)
  return tensors


@pytest.fixture(autouse=True)
def sources(monkeypatch):
  """Sources of the tiny networks beside the public ones."""
  for name, build, table, classes, first in (
      ("backbone", lambda _: tiny.Backbone(), BACKBONE, None, "layer1"),
      ("whole", tiny.Net, WHOLE, "head.weight", "backbone.layer1"),
  ):
    source = engine.Source(build, table, classes, f"{first}.conv.weight", 8)
    monkeypatch.setitem(convert._SOURCES, f"tiny/{name}", source)


@pytest.fixture
def state():
  return fresh(tiny.Net())


def fresh(model, ema=False):
  tx = optax.sgd(0.1)
  return state_lib.init_state(
      model, tx, jax.random.key(0), (1, 8, 8, 3), ema=ema
  )


@pytest.fixture
def save(tmp_path):
  def save(tensors):
    np.savez(tmp_path / "file.npz", **tensors)
    return tmp_path / "file.npz"

  return save


def are_sevens(tree):
  return all(np.all(np.asarray(x) == 7) for x in jax.tree.leaves(tree))


def test_a_backbone_fills_the_backbone_and_the_rest_is_listed(
    state, save, capsys
):
  file = save(backbone_tensors())
  after = warm_start.warm_start(state, "tiny/backbone", file)
  assert are_sevens(after.params["backbone"])
  assert are_sevens(after.batch_stats["backbone"])
  tiny.assert_same(after.params["head"], state.params["head"])
  assert capsys.readouterr().out.splitlines() == [
      "12 of 16 arrays start from tiny/backbone",
      "  fresh: aux_head (2 arrays), head (2 arrays)",
      "  not taken from the file: fc.weight, fc.bias",
  ]


def test_a_whole_model_fills_everything(state, save, capsys):
  after = warm_start.warm_start(state, "tiny/whole", save(whole_tensors(3)))
  assert are_sevens((after.params, after.batch_stats))
  assert "16 of 16 arrays" in capsys.readouterr().out


def test_classifiers_of_other_classes_stay_fresh_and_are_listed(
    state, save, capsys
):
  after = warm_start.warm_start(state, "tiny/whole", save(whole_tensors(9)))
  assert are_sevens(after.params["backbone"])
  for head in ("head", "aux_head"):
    tiny.assert_same(after.params[head], state.params[head])
  out = capsys.readouterr().out
  assert "params/head/bias is (9,) in the checkpoint and (3,) in the mod" in out
  assert "params/aux_head/kernel is (1, 1, 8, 9)" in out


def test_moving_averages_start_from_the_weights_too(save):
  state = fresh(tiny.Net(), ema=True)
  after = warm_start.warm_start(state, "tiny/whole", save(whole_tensors(3)))
  assert are_sevens(after.ema)


def test_weights_keep_their_type_and_place(state, save):
  after = warm_start.warm_start(
      state, "tiny/backbone", save(backbone_tensors())
  )
  for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(state), strict=True):
    assert (a.dtype, a.sharding) == (b.dtype, b.sharding)


def with_backbone(change):
  """A fresh state whose backbone's leaves are changed by `change(tree)`."""
  state = fresh(tiny.Net())
  return state.replace(
      params=state.params | {"backbone": change(state.params["backbone"])}
  )


def test_other_shapes_are_an_error_with_both(save):
  def widen(backbone):
    kernel = jnp.zeros((3, 3, 3, 5))
    block = backbone["layer1"]["block"] | {"conv": {"kernel": kernel}}
    return backbone | {"layer1": {"block": block}}

  message = (
      r"params/backbone/layer1/block/conv/kernel is \(3, 3, 3, 4\) in the"
      r" checkpoint and \(3, 3, 3, 5\) in the model"
  )
  for source, tensors in (
      ("tiny/backbone", backbone_tensors()),
      ("tiny/whole", whole_tensors(9)),
  ):
    with pytest.raises(ValueError, match=message) as caught:
      warm_start.warm_start(with_backbone(widen), source, save(tensors))
    assert "head" not in str(caught.value)


def test_a_backbone_is_filled_completely_or_not_at_all(save):
  def deepen(backbone):
    return backbone | {"layer3": backbone["layer2"]}

  message = "no weights for 4 arrays.*params/backbone/layer3/block/conv/bias"
  for source, tensors in (
      ("tiny/backbone", backbone_tensors()),
      ("tiny/whole", whole_tensors(3)),
  ):
    with pytest.raises(ValueError, match=message):
      warm_start.warm_start(with_backbone(deepen), source, save(tensors))


def test_what_the_model_does_not_have_is_listed(save, capsys):
  state = fresh(tiny.Net())
  params = {k: v for k, v in state.params.items() if k != "aux_head"}
  state = state.replace(params=params)
  warm_start.warm_start(state, "tiny/whole", save(whole_tensors(3)))
  assert "not in the model: aux_head (2 arrays)" in capsys.readouterr().out


def test_a_backbone_for_a_model_without_one_is_an_error(save):
  state = fresh(tiny.Stage(5, tiny.layers.BatchNorm))
  with pytest.raises(
      ValueError, match=r"fills backbone \(12 arrays\), the mod"
  ):
    warm_start.warm_start(state, "tiny/backbone", save(backbone_tensors()))


def test_another_run_is_read_as_a_whole_model(state, monkeypatch, capsys):
  """Its best checkpoint; a classifier of other classes stays fresh."""
  model = tiny.Net(5)
  old = fresh(model)
  variables = jax.tree.map(lambda x: jnp.full_like(x, 7), old.variables)
  found = types.SimpleNamespace(model=model, variables=variables)
  asked = []
  monkeypatch.setattr(
      trained, "load", lambda *args: asked.append(args) or found
  )
  after = warm_start.warm_start(state, "tiny/whole", run="runs/stage1")
  assert asked == [("runs/stage1", "best")]
  assert are_sevens(after.params["backbone"])
  tiny.assert_same(after.params["head"], state.params["head"])
  printed = capsys.readouterr().out
  assert "start from the run runs/stage1" in printed
  assert "fresh, for another number of classes" in printed


def test_without_a_file_the_official_one_is_downloaded(
    state, save, monkeypatch
):
  file = save(backbone_tensors())
  asked = []
  monkeypatch.setattr(convert, "download", lambda s: asked.append(s) or file)
  after = warm_start.warm_start(state, "tiny/backbone")
  assert asked == ["tiny/backbone"]
  assert are_sevens(after.params["backbone"])


@pytest.mark.parametrize(
    "source, message",
    (
        ("nobody/nothing", "no checkpoint source is named"),
        ("semseg/pspnet50", "get one from github.com/hszhao/semseg"),
    ),
)
def test_a_source_without_a_file_is_an_error(state, source, message):
  with pytest.raises(ValueError, match=message):
    warm_start.warm_start(state, source)


def _logits(model, variables, image):
  apply = jax.jit(functools.partial(model.apply, train=False))
  return apply(variables, image)["logits"]


CHECKPOINTS = (
    pathlib.Path(__file__).parents[3] / "shared" / "data" / "checkpoints"
)


@pytest.mark.skipif(
    not CHECKPOINTS.is_dir(), reason="no checkpoints beside the repository"
)
def test_a_folded_checkpoint_starts_a_network_with_batch_norm(capsys):
  """It computes what was published, with BatchNorm to be trained."""
  config = config_lib.load("configs/mobilenet_voc.py")
  model = build_lib.model(config, 21)
  file = CHECKPOINTS / "deeplabv3_257_mv_gpu.npz"
  fresh = jax.tree.map(
      jnp.asarray, subjects.draw_variables(model, (1, 65, 65, 3))
  )
  state = state_lib.TrainState(jnp.zeros((), jnp.int32), **fresh, opt_state=())
  state = warm_start.warm_start(state, config.pretrained.source, file)
  assert "fresh" not in capsys.readouterr().out
  image = jax.random.uniform(jax.random.key(1), (1, 65, 65, 3), minval=-1)
  published, variables = convert.load(
      config.pretrained.source, convert.read(file)
  )
  ours = _logits(model, state.variables, image)
  np.testing.assert_allclose(
      ours, _logits(published, variables, image), atol=1e-4
  )
  assert np.std(ours) > 1
