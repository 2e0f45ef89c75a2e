"""The dense CRF, against pydensecrf and against the exact solution."""

import functools

import cv2
import jax
from jax import test_util
import jax.numpy as jnp
import numpy as np
import pytest

from segjax import ops
from segjax.ops import filters
from segjax.postprocess import dense_crf as crf
from tests import crf_golden

EIGHT = (
    "default_it1",
    "default",
    "deeplabv2",
    "gauss_only",
    "norm_before",
    "norm_after",
    "norm_none",
    "matrix_compat",
)
PICTURES = ("im1_both", "im1_gauss", "im1_bilateral", "im2_both", "im3_both")


@functools.partial(
    jax.jit,
    static_argnames=("shape", "options"),
    compiler_options={"xla_backend_optimization_level": 0},
)
def jitted(logits, image, numbers, *, shape, options):
  return crf.dense_crf(
      logits, image, jax.tree.unflatten(shape, numbers), **dict(options)
  )


def marginals(logits, image, kernels, **options):
  """Of one image, (h, w, k); few programs are compiled for many kernels."""
  numbers, shape = jax.tree.flatten(tuple(kernels))
  result = jitted(
      logits[None],
      image[None],
      numbers,
      shape=shape,
      options=(*options.items(),),
  )
  return np.asarray(result[0])


def eight_settings(name, method):
  arrays, meta = crf_golden.load("eight_settings.npz")
  config = meta["outputs"][name]["config"]
  xy, weight = config["g"]
  weight = arrays["compat_matrix"] if weight == "M" else weight
  kernels = [crf.Spatial(xy, weight)]
  if config["b"]:
    kernels.append(crf.Bilateral(*config["b"]))
  image = arrays["image"]
  unary = arrays["unary"].reshape(-1, *image.shape[:2])
  normalization = {"no": "none"}.get(config["norm"], config["norm"])
  result = marginals(
      -np.moveaxis(unary, 0, -1),
      image,
      kernels,
      iterations=config["it"],
      normalization=normalization,
      method=method,
  )
  want = {
      kind: np.moveaxis(arrays[f"o/{name}/{kind}"], 0, -1)
      for kind in ("f32", "exact")
      if f"o/{name}/{kind}" in arrays
  }
  return result, want


@pytest.mark.parametrize("name", EIGHT)
def test_the_lattice_gives_pydensecrf_s_marginals(name):
  result, want = eight_settings(name, "lattice")
  assert np.mean(result.argmax(-1) == want["f32"].argmax(-1)) >= 0.99
  assert np.abs(result - want["f32"]).max() < 1e-3


@pytest.mark.parametrize("name", ("default", "deeplabv2", "gauss_only"))
def test_the_exact_form_gives_the_exact_marginals(name):
  exact, want = eight_settings(name, "exact")
  assert np.abs(exact - want["exact"]).max() < 1e-3
  lattice, _ = eight_settings(name, "lattice")
  ours = np.abs(lattice - want["exact"]).mean()
  theirs = np.abs(want["f32"] - want["exact"]).mean()
  assert ours <= theirs * 1.001


def from_labels(labels, classes, probability):
  """Log-probabilities of labels, of which 0 is unsure (pydensecrf's utils)."""
  one_hot = np.eye(classes)[np.maximum(labels.astype(int) - 1, 0)]
  others = (1 - probability) / (classes - 1)
  p = np.where(one_hot > 0, probability, others)
  return np.log(np.where(labels[..., None] == 0, 1 / classes, p), dtype="f4")


@pytest.mark.heavy
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_as_pydensecrf_has_them(name):
  arrays, meta = crf_golden.load(f"{name}.npz")
  path = crf_golden.beside("data/pictures/pydensecrf/examples", meta["image"])
  image = cv2.imread(str(path))[..., ::-1]
  kernels = []
  if spatial := meta["gaussian"]:
    kernels.append(crf.Spatial(spatial["sxy"], spatial["compat"]))
  if both := meta["bilateral"]:
    kernels.append(crf.Bilateral(both["sxy"], both["srgb"], both["compat"]))
  result = marginals(
      from_labels(arrays["labels_in"], meta["num_labels"], meta["gt_prob"]),
      image,
      kernels,
      iterations=meta["iterations"],
  )
  assert np.mean(result.argmax(-1) == arrays["argmax"]) >= 0.99
  want = np.moveaxis(arrays["q_step4"], 0, -1)
  assert np.abs(result[::4, ::4] - want).max() < 1e-3


@pytest.mark.heavy
def test_21_classes_are_as_pydensecrf_has_them():
  arrays, meta = crf_golden.load("voc21.npz")
  path = crf_golden.beside("data", meta["image"])
  image = cv2.imread(str(path))[..., ::-1]
  height, width = image.shape[:2]
  low = np.moveaxis(arrays["low"], 0, -1)[None]
  logits = 3 * ops.resize_bilinear(jnp.asarray(low), (height, width))[0]
  kernels = (crf.Spatial(3, 3), crf.Bilateral(50, 5, 4))
  result = marginals(np.asarray(logits), image, kernels)
  # The reference's JPEG decoder differs from ours by some grey levels.
  assert np.mean(result.argmax(-1) == arrays["argmax"]) >= 0.99


def random_case(seed=0, shape=(2, 7, 9), classes=3):
  rng = np.random.default_rng(seed)
  logits = rng.standard_normal((*shape, classes)).astype(np.float32)
  image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
  return logits, image


KERNELS = (crf.Spatial(2.0, 1.0), crf.Bilateral(3.0, 60.0, 2.0))


def exact(logits, image, kernels, **options):
  return crf.dense_crf(logits, image, kernels, method="exact", **options)


def test_images_of_a_batch_do_not_see_each_other():
  logits, image = random_case()
  run = jax.jit(lambda *maps: crf.dense_crf(*maps, KERNELS, iterations=2))
  both = run(logits, image)
  np.testing.assert_allclose(
      both[::-1], run(logits[::-1], image[::-1]), atol=1e-6
  )
  for i in range(2):
    alone = marginals(logits[i], image[i], KERNELS, iterations=2)
    np.testing.assert_allclose(both[i], alone, atol=1e-2)


def test_no_iteration_is_the_softmax():
  logits, image = random_case()
  result = exact(logits, image, KERNELS, iterations=0)
  np.testing.assert_allclose(result, jax.nn.softmax(logits), rtol=1e-5)


def test_one_iteration_is_algorithm_1():
  logits, image = random_case(shape=(1, 7, 9))
  q = jax.nn.softmax(logits[0].reshape(63, 3))
  energy = np.array([[0, 1, 2], [1, 0, 0.5], [3, 0.5, 0]], np.float32)
  kernels = (crf.Spatial(2.0, energy), crf.Bilateral(3.0, 60.0, 2.0))
  score = jnp.asarray(logits[0].reshape(63, 3))
  spatial = filters.spatial_filter(7, 9, 2.0, method="exact")(q)
  bilateral = filters.bilateral_filter(image[0], 3.0, 60.0, method="exact")(q)
  # The energy of label l is sum_l' mu(l, l') of the message of l'.
  score += 2 * bilateral - jnp.einsum("lm,pm->pl", energy, spatial)
  got = exact(logits, image, kernels, iterations=1)
  np.testing.assert_allclose(
      got.reshape(63, 3), jax.nn.softmax(score), atol=1e-5
  )


def test_potts_is_minus_the_identity_as_a_matrix():
  logits, image = random_case()
  run = lambda compatibility: exact(
      logits,
      image,
      [crf.Bilateral(3.0, 60.0, compatibility)],
      iterations=3,
      normalization="after",
  )
  want = run(2.0)
  np.testing.assert_allclose(run(np.full(3, 2.0)), want, atol=1e-5)
  np.testing.assert_allclose(run(-2 * np.eye(3)), want, atol=1e-5)
  # A cost of all pairs alike is the same for every label.
  np.testing.assert_allclose(run(2 - 2 * np.eye(3)), want, atol=1e-5)


@pytest.mark.parametrize("method", filters.METHODS)
def test_gradients_reach_logits_and_compatibilities(method):
  logits, image = random_case(shape=(1, 5, 6))
  weights = np.random.default_rng(1).standard_normal(logits.shape)

  @jax.jit
  def objective(logits, weight, matrix):
    kernels = (crf.Spatial(2.0, weight), crf.Bilateral(3.0, 60.0, matrix))
    result = crf.dense_crf(logits, image, kernels, iterations=3, method=method)
    return jnp.sum(result * weights)

  rng = np.random.default_rng(2)
  matrix = rng.standard_normal((3, 3)).astype(np.float32)
  test_util.check_grads(
      objective,
      (logits, 1.0, matrix),
      order=1,
      modes=["rev"],
      rtol=2e-2,
      atol=2e-2,
  )


def test_it_moves_labels_to_the_edge_of_the_image():
  """What it is for: a coarse boundary becomes the one that is seen."""
  image = np.zeros((1, 16, 24, 3), np.uint8)
  image[:, :, 12:] = 255
  logits = np.zeros((1, 16, 24, 2), np.float32)
  logits[..., 0] = np.where(np.arange(24) < 9, 2.0, -2.0)
  result = marginals(logits[0], image[0], crf.SETTINGS["pydensecrf"])
  want = np.broadcast_to(np.arange(24) >= 12, (1, 16, 24))
  before = np.mean(logits.argmax(-1) == want)
  assert before < 0.9
  assert np.mean(result.argmax(-1) == want) == 1


@pytest.mark.parametrize("name", crf.SETTINGS)
def test_every_setting_has_both_kernels(name):
  logits, image = random_case()
  result = exact(logits, image, crf.SETTINGS[name], iterations=1)
  assert [type(k) for k in crf.SETTINGS[name]] == [crf.Spatial, crf.Bilateral]
  np.testing.assert_allclose(result.sum(-1), 1, rtol=1e-4)


def test_bad_input_is_named():
  logits, image = random_case()
  with pytest.raises(ValueError, match=r"image \(2, 6, 9, 3\) does not lie"):
    crf.dense_crf(logits, image[:, :6])
  with pytest.raises(ValueError, match=r"shape \(2,\); for 3 classes possible"):
    crf.dense_crf(logits, image, [crf.Spatial(1.0, np.ones(2))])
  with pytest.raises(ValueError, match="iterations is -1"):
    crf.dense_crf(logits, image, iterations=-1)
  with pytest.raises(ValueError, match="method is 'grid'"):
    crf.dense_crf(logits, image, method="grid")
