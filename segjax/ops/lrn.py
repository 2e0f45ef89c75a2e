"""Local response normalisation, which BatchNorm has replaced."""

from jax import lax
import jax.numpy as jnp
from jaxtyping import Array, Float


def local_response_norm(
    x: Float[Array, "n h w c"],
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Float[Array, "n h w c"]:
  """Divides by (k + alpha / size * sum of x^2 over `size` channels)^beta.

  Krizhevsky et al. 2012 (AlexNet), Sec. 3.3, with Caffe's constants and, as
  there and in PyTorch, the mean of the squares in the place of their sum.
  Computed in float32.

  Raises:
    ValueError: `size` is even or not positive.
  """
  if size < 1 or size % 2 == 0:
    raise ValueError(f"size is {size}; possible are odd numbers of channels")
  squares = jnp.square(x.astype(jnp.float32))
  half = size // 2
  total = lax.reduce_window(
      squares,
      0.0,
      lax.add,
      (1, 1, 1, size),
      (1, 1, 1, 1),
      ((0, 0), (0, 0), (0, 0), (half, half)),
  )
  return (x * (k + alpha / size * total) ** -beta).astype(x.dtype)
