"""The optimisers do PyTorch's arithmetic; the schedules the papers'."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from segjax.training import optimizer

TORCH = {
    "sgd": (
        dict(momentum=0.9, weight_decay=0.05),
        lambda torch, p: torch.optim.SGD(
            p, lr=0.1, momentum=0.9, weight_decay=0.05
        ),
    ),
    "sgd, nesterov": (
        dict(momentum=0.9, nesterov=True, weight_decay=0.05),
        lambda torch, p: torch.optim.SGD(
            p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05
        ),
    ),
    "adamw": (
        dict(weight_decay=0.05),
        lambda torch, p: torch.optim.AdamW(
            p, lr=0.1, betas=(0.9, 0.999), weight_decay=0.05
        ),
    ),
    "rmsprop": (
        dict(decay_rate=0.99, momentum=0.9, weight_decay=0.05),
        lambda torch, p: torch.optim.RMSprop(
            p, lr=0.1, alpha=0.99, momentum=0.9, weight_decay=0.05
        ),
    ),
}


def walk(tx, params, gradient, steps):
  state = tx.init(params)
  for _ in range(steps):
    updates, state = tx.update(gradient(params), state, params)
    params = optax.apply_updates(params, updates)
  return params


@pytest.mark.parametrize("name", TORCH)
def test_twenty_steps_equal_those_of_torch(name):
  torch = pytest.importorskip("torch", reason="the reference; extra `torch`")
  keywords, make = TORCH[name]
  start = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
  p = torch.nn.Parameter(torch.tensor(start))
  reference = make(torch, [p])
  for _ in range(20):
    reference.zero_grad()
    (p**4).sum().div(10).backward()
    reference.step()
  tx = optimizer.optimizer(name.split(",")[0], 0.1, **keywords)
  got = walk(tx, jnp.asarray(start), lambda p: 0.4 * p**3, 20)
  np.testing.assert_allclose(got, p.detach().numpy(), rtol=2e-5, atol=2e-5)


PARAMS = {
    "backbone": {"conv": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}},
    "head": {"kernel": jnp.ones((2, 2)), "scale": jnp.ones(2)},
}


def one_step(gradient=0.0, **keywords):
  tx = optimizer.optimizer("sgd", 1.0, momentum=0.0, **keywords)
  fill = lambda params: jax.tree.map(
      lambda p: jnp.full_like(p, gradient), params
  )
  after = walk(tx, PARAMS, fill, 1)
  return {
      path: 1 - float(leaf.ravel()[0])
      for path, leaf in zip(optimizer.paths(after), jax.tree.leaves(after))
  }


def test_only_kernels_decay_unless_asked():
  moved = one_step(weight_decay=0.5)
  assert moved == {
      "backbone/conv/bias": 0,
      "backbone/conv/kernel": 0.5,
      "head/kernel": 0.5,
      "head/scale": 0,
  }
  assert set(one_step(weight_decay=0.5, decay_vectors=True).values()) == {0.5}


def test_factors_multiply_the_rate_by_path():
  factors = (optimizer.head_factor(10.0), ("bias$", 2.0), ("scale$", 3.0))
  moved = one_step(gradient=0.25, factors=factors)
  assert moved == {
      "backbone/conv/bias": 0.5,
      "backbone/conv/kernel": 0.25,
      "head/kernel": 2.5,
      "head/scale": 7.5,
  }


def test_a_factor_that_touches_nothing_is_an_error():
  with pytest.raises(ValueError, match="'encoder' is found in no"):
    one_step(factors=(("encoder", 2.0),))


def test_the_gradient_is_clipped_by_its_global_norm():
  moved = one_step(gradient=1.0, clip_norm=1.0)
  total = np.sqrt(sum(p.size for p in jax.tree.leaves(PARAMS)))
  np.testing.assert_allclose(list(moved.values()), 1 / total, rtol=1e-5)


@pytest.mark.parametrize(
    "name, half", (("poly", 0.5**0.9), ("cosine", 0.5), ("constant", 1.0))
)
def test_schedules_warm_up_then_fall_from_the_peak_to_the_end(name, half):
  rate = optimizer.schedule(name, 2.0, 110, end=1.0, warmup_steps=10)
  np.testing.assert_allclose(
      [rate(step) for step in (0, 4, 9)], (0.2, 1.0, 2.0), rtol=1e-6
  )
  np.testing.assert_allclose(rate(10), 2.0, rtol=1e-6)
  np.testing.assert_allclose(rate(60), 1 + half, rtol=1e-6)
  assert rate(10**6) == (2.0 if name == "constant" else 1.0)


def test_poly_is_the_formula_of_the_paper():
  rate = optimizer.schedule("poly", 0.007, 30_000)
  for step in (0, 1, 12_345, 29_999):
    want = 0.007 * (1 - step / 30_000) ** 0.9
    np.testing.assert_allclose(rate(step), want, rtol=1e-5)


def test_exponential_falls_by_one_factor_a_period():
  """After the warm-up, in steps, and to nothing else than `end`."""
  rate = optimizer.schedule(
      "exponential",
      2.0,
      100,
      end=1.0,
      warmup_steps=10,
      decay_rate=0.5,
      decay_steps=20,
  )
  want = {9: 2.0, 10: 2.0, 29: 2.0, 30: 1.5, 49: 1.5, 50: 1.25, 10**4: 1.0}
  np.testing.assert_allclose(
      [rate(step) for step in want], list(want.values()), rtol=1e-6
  )
  with pytest.raises(ValueError, match="decay_steps = 0"):
    optimizer.schedule("exponential", 2.0, 100, decay_steps=0)


def test_what_does_not_exist_is_an_error_with_the_names():
  with pytest.raises(ValueError, match="cosine, constant, exponential"):
    optimizer.schedule("step", 0.1, 10)
  with pytest.raises(ValueError, match="sgd, adamw, rmsprop"):
    optimizer.optimizer("adam", 0.1)
  with pytest.raises(ValueError, match="warmup_steps = 11"):
    optimizer.schedule("poly", 0.1, 10, warmup_steps=11)
