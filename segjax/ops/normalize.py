"""From stored pixels to what a network was trained to see."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

PRESETS = {
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), False),
    "caffe": ((122.67892, 116.66877, 104.00699), (1.0, 1.0, 1.0), True),
    "unit": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5), False),
    "bgr": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), True),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), False),
}
"""Name -> mean and scale of R, G, B in grey levels, and whether B comes first.

`imagenet` is torchvision's and mmsegmentation's, `caffe` that of the networks
of 2014 to 2017, `bgr` SegNet's, `unit` ([-1, 1]) TensorFlow's.
"""


def normalize(
    image: Num[Array, "n h w 3"], preset: str = "imagenet"
) -> Float[Array, "n h w 3"]:
  """(image - mean) / scale in float32, for an RGB image of 0 to 255.

  Raises:
    ValueError: there is no such preset.
  """
  if preset not in PRESETS:
    raise ValueError(
        f"no preprocessing is named {preset!r}; there are {sorted(PRESETS)}"
    )
  mean, scale, reverse = PRESETS[preset]
  image = image.astype(jnp.float32)
  image = (image - jnp.asarray(mean)) / jnp.asarray(scale)
  return image[..., ::-1] if reverse else image
