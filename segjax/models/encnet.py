"""Context encoding network, Zhang et al. 2018 (arXiv:1803.08904)."""

import functools

from flax import linen as nn
import jax
from jax import lax
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.models import fcn


def uniform(low: float, high: float):
  """An initializer that draws from [low, high)."""

  def init(rng, shape, dtype=jnp.float32):
    return jax.random.uniform(rng, shape, dtype, low, high)

  return init


class Encoding(nn.Module):
  """Residuals to each codeword, softly assigned and summed (Eq. 1).

  e_k = sum_i w_ik (x_i - d_k), where w_ik is the softmax over k of
  -s_k ||x_i - d_k||^2. The parameter `scale` is -s_k, as the authors keep it.
  The softmax and what leads to it are float32.

  Attributes:
    num_codes: K.
  """

  num_codes: int = 32

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w d"]
  ) -> Float[Array, "n {self.num_codes} d"]:
    n, _, _, d = x.shape
    bound = (self.num_codes * d) ** -0.5
    shape = (d, self.num_codes)
    codewords = self.param("codewords", uniform(-bound, bound), shape)
    scale = self.param("scale", uniform(-1.0, 0.0), (self.num_codes,))
    dot = functools.partial(jnp.einsum, precision=lax.Precision.HIGHEST)
    codewords = codewords.astype(jnp.float32)
    pixels = x.reshape(n, -1, d).astype(jnp.float32)
    distance = (
        jnp.sum(jnp.square(pixels), -1, keepdims=True)
        - 2 * dot("npd,dk->npk", pixels, codewords)
        + jnp.sum(jnp.square(codewords), 0)
    )
    weights = jax.nn.softmax(scale.astype(jnp.float32) * distance)
    total = dot("npk,npd->nkd", weights, pixels)
    total = total - jnp.sum(weights, 1)[..., None] * codewords.T
    return total.astype(x.dtype)


class ContextEncoding(nn.Module):
  """Encodes the scene, scales channels by it, names the classes in it.

  Sec. 3.1 and Fig. 2: e = sum_k phi(e_k) with phi a norm and ReLU; the scaling
  is x * gamma with gamma = sigmoid(W e); `presence` are the logits of each
  class being anywhere in the image, for the SE loss.

  Attributes:
    num_classes: of the presence.
    num_codes: K of `Encoding`.
    aggregate: "sum" over the codewords, or "mean" as in the authors' code and
      mmsegmentation; else ValueError.
    residual: whether the result is relu(x + x * gamma), as in the same two.
    attend: whether channels are scaled at all, or the input is returned.
    norm: makes the normalisation layers; that of phi has K channels.
  """

  num_classes: int
  num_codes: int = 32
  aggregate: str = "sum"
  residual: bool = False
  attend: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, x: Float[Array, "n h w c"], *, train: bool
  ) -> tuple[Float[Array, "n h w c"], Float[Array, "n {self.num_classes}"]]:
    if self.aggregate not in ("sum", "mean"):
      raise ValueError(
          f"aggregate is {self.aggregate!r}; possible are 'sum' and 'mean'"
      )
    c = x.shape[-1]
    project = layers.ConvNormAct(c, 1, norm=self.norm, name="project")
    e = Encoding(self.num_codes, name="encoding")(project(x, train=train))
    e = self.norm(name="norm")(e.swapaxes(1, 2), train=train)
    reduce = jnp.sum if self.aggregate == "sum" else jnp.mean
    e = reduce(nn.relu(e), axis=-1)
    presence = nn.Dense(self.num_classes, name="presence")(e)
    if not self.attend:
      return x, presence
    gamma = nn.sigmoid(nn.Dense(c, name="gamma")(e))[:, None, None]
    return nn.relu(x + x * gamma) if self.residual else x * gamma, presence


class EncNet(nn.Module):
  """A dilated backbone, context encoding, a classifier (Sec. 3.2, Fig. 2).

  `presence` and `presence_stage3` are (n, num_classes), not images: logits for
  `losses.presence`, of the module in front of the classifier and of the
  one that stage 3 has for regularization alone.

  Attributes:
    num_classes: channels of the logits.
    backbone: gives `c3` to `c5`, at output stride 8.
    features: channels in front of the classifier.
    num_codes: K; 32 in the paper.
    aggregate: see `ContextEncoding`, as is `residual`.
    stage3: whether there is a context encoding on `c4` too.
    lateral: whether `c3` and `c4` join `c5`, as in the authors' networks for
      PASCAL Context.
    aux_features: channels of PSPNet's auxiliary head on `c4`, which the
      authors' code and mmsegmentation have instead; None for no such head.
    dropout_rate: of whole channels before the classifier; from the authors'
      code.
    align_corners: of the upsampling; True in the authors' code, False in
      mmsegmentation.
    norm: makes the normalisation layers of the heads.
  """

  num_classes: int
  backbone: nn.Module
  features: int = 512
  num_codes: int = 32
  aggregate: str = "sum"
  residual: bool = False
  stage3: bool = True
  lateral: bool = False
  aux_features: int | None = None
  dropout_rate: float = 0.1
  align_corners: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n *hw {self.num_classes}"]]:
    features = self.backbone(image, train=train)
    conv = functools.partial(layers.ConvNormAct, self.features, norm=self.norm)
    encode = functools.partial(
        ContextEncoding,
        self.num_classes,
        self.num_codes,
        self.aggregate,
        self.residual,
        norm=self.norm,
    )
    x = conv(name="conv5")(features["c5"], train=train)
    if self.lateral:
      size = x.shape[1:3]
      joined = [x]
      for name in ("c3", "c4"):
        y = conv(1, name=f"lateral_{name}")(features[name], train=train)
        y = ops.resize_bilinear(y, size, align_corners=self.align_corners)
        joined.append(y)
      x = conv(name="fusion")(jnp.concatenate(joined, axis=-1), train=train)
    x, presence = encode(name="context")(x, train=train)
    x = layers.Dropout(self.dropout_rate, True, name="dropout")(x, train=train)
    maps = {"logits": layers.Conv(self.num_classes, 1, name="classifier")(x)}
    if self.aux_features is not None:
      aux = fcn.FCNHead(
          self.num_classes, self.aux_features, norm=self.norm, name="aux"
      )
      maps["aux"] = aux(features["c4"], train=train)
    size = image.shape[1:3]
    outputs = {
        k: ops.resize_bilinear(v, size, align_corners=self.align_corners)
        for k, v in maps.items()
    }
    outputs["presence"] = presence
    if self.stage3:
      stage3 = encode(attend=False, name="context_stage3")
      _, outputs["presence_stage3"] = stage3(features["c4"], train=train)
    return outputs
