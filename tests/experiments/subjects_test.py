"""What a benchmark measures is fit to be measured."""

import jax.numpy as jnp
import numpy as np

from experiments import subjects
from segjax.backbones import resnet


def test_drawn_weights_keep_activations_in_range():
  model = resnet.ResNet((2, 2, 2, 2), width=16)
  variables = subjects.draw_variables(model, (1, 65, 65, 3))
  image = np.random.default_rng(0).standard_normal((1, 65, 65, 3), np.float32)
  for name, x in model.apply(variables, image, train=False).items():
    assert 0.1 < float(jnp.std(x)) < 100, name
