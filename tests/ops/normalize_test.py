"""Preprocessing presets."""

import numpy as np
import pytest

from segjax import ops


def test_unit_maps_bytes_to_plus_and_minus_one():
  image = np.array([0, 255, 0], np.uint8).reshape(1, 1, 1, 3)
  np.testing.assert_allclose(ops.normalize(image, "unit").ravel(), [-1, 1, -1])


def test_imagenet_is_the_published_mean_and_deviation():
  image = np.full((1, 1, 1, 3), 255, np.uint8)
  want = (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
  got = ops.normalize(image, "imagenet").ravel()
  np.testing.assert_allclose(got, want, rtol=1e-5)


def test_caffe_puts_blue_first():
  image = np.array([[[[200, 100, 50]]]], np.uint8)
  want = [50 - 104.00699, 100 - 116.66877, 200 - 122.67892]
  got = ops.normalize(image, "caffe").ravel()
  np.testing.assert_allclose(got, want, rtol=1e-5)


def test_an_unknown_preset_lists_the_known():
  with pytest.raises(ValueError, match=r"'vgg'.*\['bgr', 'caffe'"):
    ops.normalize(np.zeros((1, 1, 1, 3)), "vgg")
