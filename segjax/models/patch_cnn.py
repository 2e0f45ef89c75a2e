"""Patch classification, Ciresan, Giusti, Gambardella, Schmidhuber (NIPS 2012).

"Deep Neural Networks Segment Neuronal Membranes in Electron Microscopy Images":
the class of a pixel is read off the window around it, so that a classifier
slides over the image. Its dense form computes the same at every pixel without
doing the same work twice (Giusti et al. 2013, arXiv:1302.1700): there the
step from classifying patches to fully convolutional networks begins.
"""

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from segjax import layers, ops, types

FORMS = ("dense", "patches")


class PatchCNN(nn.Module):
  """Network N4 of Table 1, over a whole image or on single windows.

  Both forms have the same parameters. "patches" is Table 1: convolutions
  without padding, 2x2 pooling of stride 2, two fully connected layers; it takes
  images of `window` pixels a side and gives one pixel of logits. "dense" gives
  logits for every pixel of any image, continued by reflection as in the paper
  (Sec. 2): each pooling has stride 1, and what follows it is dilated by 2 more,
  for the windows of one pixel's neighbours are those of the pixel, shifted.

  Table 1 does not name the nonlinearity; ours is the hyperbolic tangent. It has
  N4 alone: of N1 to N3 the layers are not given, and another `window` and
  `kernel_sizes` make a network of another size. What the paper does to
  single windows beforehand (foveation and non-uniform sampling, Sec. 2.3) has
  no dense form and is left out.

  Attributes:
    num_classes: channels of the logits: two in the paper.
    window: side of the window in pixels, odd.
    kernel_sizes: of the convolutions, each in front of a 2x2 pooling.
    features: channels of the convolutions.
    hidden: neurons of the first fully connected layer.
    act: after all layers but the last.
    form: "dense" or "patches".
  """

  num_classes: int
  window: int = 95
  kernel_sizes: tuple[int, ...] = (4, 5, 4, 4)
  features: int = 48
  hidden: int = 200
  act: layers.Act = nn.tanh
  form: str = "dense"

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w c"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ {self.num_classes}"]]:
    """Returns `logits`: of the image's size, or 1x1 for patches.

    Raises:
      ValueError: `form` is unknown, the layers do not fit the window, or a
        patch is not as large as it.
    """
    del train
    dense, x = self._check(image.shape), image
    if dense:
      x = _reflect(x, self.window)
    dilation, size = 1, self.window
    for i, kernel_size in enumerate(self.kernel_sizes, start=1):
      x = self._conv(self.features, kernel_size, dilation, f"conv{i}")(x)
      x = self.act(x)
      if dense:
        x = ops.max_pool_dense(x, 2, dilation)
        dilation *= 2
      else:
        x = ops.max_pool(x, 2)
      size = (size - kernel_size + 1) // 2
    x = self.act(self._conv(self.hidden, size, dilation, "hidden")(x))
    return {"logits": self._conv(self.num_classes, 1, 1, "classifier")(x)}

  def _conv(self, features, kernel_size, dilation, name):
    return layers.Conv(
        features, kernel_size, dilation=dilation, padding=0, name=name
    )

  def _check(self, shape) -> bool:
    if self.form not in FORMS:
      raise ValueError(f"PatchCNN.form is {self.form!r}; there are {FORMS}")
    size, sizes = self.window, []
    for kernel_size in self.kernel_sizes:
      sizes.append(size - kernel_size + 1)
      size = sizes[-1] // 2
    if self.window % 2 == 0 or size < 1 or any(s % 2 for s in sizes):
      raise ValueError(
          f"a window of {self.window} with kernel_sizes {self.kernel_sizes}"
          f" pools maps of {sizes}: the window must be odd, and they even"
      )
    if self.form == "patches" and shape[1:3] != (self.window, self.window):
      raise ValueError(
          f"patches are {self.window} pixels high and wide, not {shape[1:3]}"
      )
    return self.form == "dense"


def slide(
    model: PatchCNN,
    variables: types.Variables,
    image: Float[Array, "n h w c"],
) -> Float[Array, "n h w k"]:
  """The logits of every pixel, one window at a time, as the paper has them.

  It repeats almost all of the dense form's work for every pixel: some thousand
  times as much. The result is the same.
  """
  classifier = model.clone(form="patches")
  padded = _reflect(image, model.window)
  shape = (image.shape[0], model.window, model.window, image.shape[3])
  rows, columns = image.shape[1:3]

  def classify(at):
    patch = jax.lax.dynamic_slice(padded, (0, *at, 0), shape)
    return classifier.apply(variables, patch, train=False)["logits"][:, 0, 0]

  grid = jnp.meshgrid(jnp.arange(rows), jnp.arange(columns), indexing="ij")
  logits = jax.lax.map(classify, tuple(axis.ravel() for axis in grid))
  return jnp.moveaxis(logits, 0, 1).reshape(-1, rows, columns, logits.shape[-1])


def _reflect(image, window):
  """Continues the image by half a window on every side."""
  margin = (window // 2, window // 2)
  return ops.pad(image, (margin, margin), mode="reflect")
