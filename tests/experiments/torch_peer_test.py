"""A peer computes what our network computes, on PyTorch's own operations."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import measure, subjects
from segjax import layers, ops
from segjax.backbones import hrnet, mobilenet, resnet
from segjax.layers import fold
from segjax.models import deeplab_v3plus, pspnet, unet

torch = pytest.importorskip("torch")
from experiments import torch_peer  # noqa: E402

RESNET = resnet.ResNet((1, 1, 1, 1), width=8, output_stride=8)
MODELS = {
    "resnet": RESNET,
    "mobilenet": mobilenet.MobileNetV2(width=0.25),
    "hrnet": hrnet.HRNet(8, (1, 1, 1), 1, 1),
    "unet": unet.UNet(3, features=(8, 16), norm=layers.BatchNorm),
    "deeplab": deeplab_v3plus.DeepLabV3Plus(3, RESNET, features=16),
    "pspnet": pspnet.PSPNet(3, RESNET, features=16),
}
SHAPE = (2, 33, 47, 3)


def both(model, shape=SHAPE, folded=False):
  """What we compute, what the peer computes, and the peer."""
  variables = subjects.draw_variables(model, shape)
  rng = np.random.default_rng(1)
  # Norms and biases that do something.
  variables = jax.tree.map(
      lambda x: x + (x.ndim == 1) * rng.uniform(0, 0.3, x.shape), variables
  )
  variables = jax.tree.map(np.float32, variables)
  if folded:
    model, variables = fold.fold(model, variables, shape)
  infer = measure.inference(model)
  image = rng.standard_normal(shape, np.float32)
  peer = torch_peer.Peer(infer, variables, shape)
  theirs = peer(torch.from_numpy(image))
  return jax.jit(infer)(variables, image), theirs, peer, variables


@pytest.mark.parametrize("folded", (False, True))
@pytest.mark.parametrize("name", MODELS)
def test_a_peer_computes_the_same(name, folded):
  ours, theirs, peer, variables = both(MODELS[name], folded=folded)
  assert ours.keys() == theirs.keys()
  for key, want in ours.items():
    assert np.isfinite(want).all()
    got = theirs[key].numpy()
    np.testing.assert_allclose(got, want, atol=1e-3 * np.std(want), err_msg=key)
  params = variables["params"]
  if name not in ("deeplab", "pspnet"):  # Their auxiliary heads are not read.
    assert peer.parameters == sum(x.size for x in jax.tree.leaves(params))


class Everything(nn.Module):
  """What the networks above leave out."""

  num_classes: int = 4

  @nn.compact
  def __call__(self, image, *, train):
    x = layers.Conv(8, 1, name="conv")(image)
    y = layers.ConvTranspose(8, 4, 2, 1, groups=2, name="up")(x)
    y = ops.local_response_norm(y)
    y = layers.BatchNorm(batch_statistics=True, name="norm")(y, train=train)
    y = ops.avg_pool(y, 3, 2, padding=1, ceil_mode=True)
    y = ops.resize_bilinear(y, (x.shape[1], x.shape[2]), align_corners=True)
    x = x + y
    kept = x
    x = nn.relu(x)  # `kept` must not change with it.
    first, second = jnp.split(x, 2, axis=-1)
    x = jnp.concatenate([second, nn.hard_swish(first), jnp.abs(kept)], axis=-1)
    x = jnp.pad(x, ((0, 0), (1, 0), (0, 0), (0, 0)))[:, 1:, ::1]
    gate = nn.sigmoid(jnp.mean(x, (1, 2), keepdims=True))
    x = x * gate - jnp.max(x, -1, keepdims=True)
    flat = x.reshape(x.shape[0], -1, x.shape[-1])
    affinity = nn.softmax(jnp.einsum("npc,nqc->npq", flat, flat) / 100)
    x = jnp.einsum("npq,nqc->npc", affinity, flat).reshape(x.shape)
    x = jnp.where(x > 0, x, 0.1 * x) ** 2 + kept.sum(-1, keepdims=True)
    small, places = ops.max_pool_with_indices(x, 2, ceil_mode=True)
    x = x + ops.max_unpool(small, places, x.shape[1:3], window=2)
    small, places = ops.max_pool_with_indices(x, 3, 2, padding=1)
    x = x + ops.max_unpool(small, places, x.shape[1:3])
    x = ops.adaptive_avg_pool(x, (3, 5)).transpose(0, 2, 1, 3)
    return {"logits": ops.resize_nearest(x, (7, 9))}


def test_all_operations_are_translated():
  ours, theirs, _, _ = both(Everything(), (2, 9, 11, 3))
  want = np.asarray(ours["logits"])
  got = theirs["logits"].numpy()
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * np.std(want))


def test_a_second_call_gives_the_same():
  """Working in place leaves the weights and the image alone."""
  infer = measure.inference(RESNET)
  variables = subjects.draw_variables(RESNET, SHAPE)
  peer = torch_peer.Peer(infer, variables, SHAPE)
  image = torch.randn(SHAPE)
  first, copy = peer(image), image.clone()
  second = peer(image)
  assert torch.equal(image, copy)
  assert all(torch.equal(first[k], second[k]) for k in first)


def test_the_steps_are_those_that_a_pytorch_user_writes():
  """Convolutions, norms, activations, sums and the pool; nothing else."""
  model = RESNET
  variables = subjects.draw_variables(model, SHAPE)
  peer = torch_peer.Peer(measure.inference(model), variables, SHAPE)
  convs = 1 + 4 * 4  # The stem; three and a projection in each block.
  activations, sums = 1 + 4 * 3, 4
  assert len(peer.steps) == 2 * convs + activations + sums + 1


def test_a_folded_network_has_its_biases_in_the_convolutions():
  """As a PyTorch user folds: conv2d adds the bias; no norm, no sum of its own."""
  variables = subjects.draw_variables(RESNET, SHAPE)
  model, less = fold.fold(RESNET, variables, SHAPE)
  peer = torch_peer.Peer(measure.inference(model), less, SHAPE)
  convs = 1 + 4 * 4
  activations, sums = 1 + 4 * 3, 4
  assert len(peer.steps) == convs + activations + sums + 1


def test_our_functions_are_ours_again_after_the_trace():
  before = (ops.max_pool, layers.max_pool, dict(hrnet.FUSIONS))
  both(MODELS["hrnet"])
  assert (ops.max_pool, layers.max_pool, dict(hrnet.FUSIONS)) == before


def test_what_is_not_translated_is_named():
  class Sorted(nn.Module):

    @nn.compact
    def __call__(self, image, *, train):
      return {"logits": jnp.sort(image, axis=1)}

  with pytest.raises(NotImplementedError, match="operation 'sort'"):
    torch_peer.Peer(measure.inference(Sorted()), {"params": {}}, SHAPE)
