"""CRF as a recurrent network, Zheng et al. 2015 (arXiv:1502.03240)."""

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax.models import fcn
from segjax.ops import filters


def scaled_identity(scale: float) -> nn.initializers.Initializer:
  """Initialises weights between equal classes; a vector is their diagonal."""

  def init(rng, shape, dtype=jnp.float32):
    del rng
    eye = jnp.eye(*shape) if len(shape) == 2 else jnp.ones(shape)
    return (scale * eye).astype(dtype)

  return init


class MeanField(nn.Module):
  """Mean-field iterations of a dense CRF as layers (Sec. 4, Algorithm 1).

  Every iteration has the same weights (Sec. 5.1, Fig. 2). Their first values,
  and the kernels' widths, which are not learned, are those of the authors'
  program: 3 for the spatial and 5 for the bilateral kernel. No gradient
  reaches the image. Float32 throughout.

  Attributes:
    alpha: width of the bilateral kernel in positions, pixels.
    beta: its width in colours, in the unit of the image that the network sees.
    gamma: width of the spatial kernel, pixels.
    matrix_weights: whether the kernels' weights are matrices, which also mix
      the classes, as in the authors' program; or one number per class, as in
      Sec. 4.2.
    method: of the filters, "lattice" or "exact".
  """

  alpha: float = 160.0
  beta: float = 3.0
  gamma: float = 3.0
  matrix_weights: bool = False
  method: str = "lattice"

  @nn.compact
  def __call__(
      self,
      logits: Float[Array, "n h w k"],
      image: Float[Array, "n h w 3"],
      iterations: int,
  ) -> Float[Array, "n h w k"]:
    classes = logits.shape[-1]
    matrix = (classes, classes)
    shape = matrix if self.matrix_weights else (classes,)
    spatial = self.param("spatial", scaled_identity(3.0), shape)
    bilateral = self.param("bilateral", scaled_identity(5.0), shape)
    # Minus the label compatibility mu of Sec. 4.2. The Potts model, which is 1
    # between different classes, is the identity up to a constant per pixel.
    compatibility = self.param("compatibility", scaled_identity(1.0), matrix)
    weights = [
        w.astype(jnp.float32) for w in (spatial, bilateral, compatibility)
    ]
    maps = (logits.astype(jnp.float32), image.astype(jnp.float32))
    # One image after the other: their lattices differ in size.
    refined = jax.lax.map(
        lambda pair: self._refine(*pair, weights, iterations), maps
    )
    return refined.astype(logits.dtype)

  def _refine(self, logits, image, weights, iterations):
    height, width, classes = logits.shape
    unary = logits.reshape(-1, classes)
    spatial, bilateral, compatibility = weights
    options = {"method": self.method, "normalization": "after"}
    passes = (
        (filters.spatial_filter(height, width, self.gamma, **options), spatial),
        (
            filters.bilateral_filter(image, self.alpha, self.beta, **options),
            bilateral,
        ),
    )

    def iteration(scores, _):
      marginals = nn.softmax(scores)
      message = sum(_times(smooth(marginals), w) for smooth, w in passes)
      return unary + _times(message, compatibility), None

    scores, _ = jax.lax.scan(iteration, unary, length=iterations)
    return scores.reshape(logits.shape)


def _times(message, weights):
  if weights.ndim == 1:
    return message * weights
  return jnp.matmul(message, weights, precision=jax.lax.Precision.HIGHEST)


class CRFRNN(fcn.FCN):
  """FCN-8s and a CRF, trained as one network (Sec. 5.2 and Fig. 3).

  The image is the one that FCN sees: 0 to 255 minus a mean, in preset "caffe".

  Attributes:
    train_iterations: mean-field iterations in training (Sec. 6).
    test_iterations: mean-field iterations otherwise.
    crf: the mean-field layer.
  """

  train_iterations: int = 5
  test_iterations: int = 10
  crf: nn.Module = MeanField()

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n h w {self.num_classes}"]]:
    unary = super().__call__(image, train=train)["logits"]
    iterations = self.train_iterations if train else self.test_iterations
    return {"logits": self.crf(unary, image, iterations)}
