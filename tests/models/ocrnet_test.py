"""OCRNet: regions, what pixels take from them, and the paper's channels."""

import jax
import jax.numpy as jnp
import numpy as np

from segjax.backbones import hrnet, resnet
from segjax.models import ocrnet
from tests import variables as draws


def case():
  keys = jax.random.split(jax.random.key(0))
  x = jax.random.normal(keys[0], (2, 4, 5, 6))
  return x, jax.random.normal(keys[1], (2, 4, 5, 3))


def test_a_sure_region_is_the_mean_of_its_pixels():
  """Where each class claims one column with certainty."""
  x, _ = case()
  columns = jnp.arange(5)[None, None, :, None] == jnp.arange(3)
  sure = jnp.broadcast_to(jnp.where(columns, 50.0, -50.0), (2, 4, 5, 3))
  want = np.asarray(x).mean(1)[:, :3]
  np.testing.assert_allclose(ocrnet.regions(x, sure), want, atol=1e-5)


def test_regions_are_normalised_over_pixels_not_classes():
  """A constant added to a class changes nothing."""
  x, soft = case()
  moved = soft + jnp.array([0.0, 5.0, -3.0])
  np.testing.assert_allclose(
      ocrnet.regions(x, moved), ocrnet.regions(x, soft), atol=1e-5
  )


def test_the_order_of_the_classes_does_not_matter():
  """What a pixel finds is a sum over regions."""
  x, soft = case()
  ocr = ocrnet.OCR(key_features=4, features=8)
  variables = ocr.init(jax.random.key(1), x, soft, train=False)
  apply = lambda s: ocr.apply(variables, x, s, train=False)
  np.testing.assert_allclose(apply(soft[..., ::-1]), apply(soft), atol=1e-5)
  assert np.abs(apply(2 * soft) - apply(soft)).max() > 1e-4


def test_channels_are_the_paper_s_on_both_backbones():
  """Sec. 3.3: 256 in phi, psi and delta, 512 in rho and g, linear regions."""
  image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  dilated = resnet.ResNet(resnet.STAGE_SIZES[101], output_stride=8)
  for backbone, coarse, fine in (
      (dilated, 1024, 2048),
      (hrnet.HRNet(48, fusion="bilinear"), 720, 720),
  ):
    params = draws.shapes(ocrnet.OCRNet(19, backbone), image)["params"]
    shape = lambda *path, p=params: leaf(p, path).shape
    assert shape("region_classifier") == (1, 1, coarse, 19)
    assert shape("pixel", "conv") == (3, 3, fine, 512)
    for name in ("phi", "psi", "delta"):
      assert shape("ocr", name, "conv1", "conv") == (1, 1, 512, 256)
      assert "conv2" not in params["ocr"][name]
    assert shape("ocr", "rho", "conv1", "conv") == (1, 1, 256, 512)
    assert shape("ocr", "g", "conv1", "conv") == (1, 1, 1024, 512)


def leaf(tree, path):
  for key in (*path, "kernel"):
    tree = tree[key]
  return tree
