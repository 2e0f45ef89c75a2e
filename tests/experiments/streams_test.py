"""What the keys of `config.dataset` and `augment_on` make of the stream."""

import itertools

import jax
import numpy as np
import pytest

from configs import common
from experiments import build, streams
from segjax.data.datasets import shapes

SHAPES = dict(num_classes=4, size=(48, 64), train=8, validation=2)


class Four(shapes.Shapes):
  """Shapes of four classes without options, as a mixture needs them."""

  def __init__(self, **kwargs):
    super().__init__(**SHAPES, **kwargs)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def config(data_dir):
  config = common.defaults()
  config.dataset = dict(data_dir=data_dir, options=SHAPES, prepare=True)
  config.augment = dict(crop=(32, 40), scale=(0.5, 2.0))
  config.batch_size, config.num_threads = 2, 0
  return config


def test_the_device_makes_the_labels_that_the_host_makes(config):
  host = next(build.train_batches(config, start=3))
  config.augment_on = "device"
  packed = next(build.train_batches(config, start=3))
  assert packed["image"].shape == (2, 48, 64, 3)
  got = jax.device_get(build.on_device(config)(packed))
  assert got.keys() == host.keys()
  np.testing.assert_array_equal(got["label"], host["label"])
  difference = np.abs(got["image"].astype(int) - host["image"])
  assert difference.max() <= 2


def test_on_the_host_nothing_is_left_for_the_device(config):
  batch = next(build.train_batches(config))
  assert build.on_device(config)(batch) is batch


def test_the_augmentation_alone_can_be_called(config):
  """As contact sheets do, wherever training does it."""
  config.augment_on = "device"
  example = build.source(config, "train")[0]
  out = build.augment(config)(np.random.default_rng(0), example)
  assert out["image"].shape == (32, 40, 3)


def test_border_weights_come_with_the_batch(config):
  config.augment = dict(border_weights=(10.0, 5.0), border_classes=(1, 2))
  batch = next(build.train_batches(config))
  assert batch["weight"].shape == batch["label"].shape
  assert batch["weight"].dtype == np.float32


def test_classes_in_balance_have_a_pool_each(config):
  config.dataset.class_balanced = True
  source, pools = streams.train_source(config)
  labels = [set(np.unique(source[i]["label"])) for i in range(len(source))]
  assert 1 < len(pools.members) <= 4
  for members in pools.members:
    assert set.intersection(*(labels[i] for i in members))


def test_a_mixture_joins_data_sets_of_the_same_classes(config):
  options = dict(config.dataset.options)
  config.dataset.options = {}
  config.dataset.name = f"{__name__}.Four"
  config.dataset.mixture = ((f"{__name__}.Four", "validation", 0.25),)
  source, pools = streams.train_source(config)
  assert len(source) == options["train"] + options["validation"]
  assert pools.weights == (1.0, 0.25)
  drawn = np.array([pools(0, j) for j in range(1000)])
  assert np.sum(drawn >= options["train"]) == 200
  config.dataset.mixture = (("camvid", "train", 1.0),)
  with pytest.raises(ValueError, match="camvid does not have the classes"):
    streams.train_source(config)


@pytest.mark.parametrize(
    "key, value, message",
    (
        ("dataset.on_damaged", "ignore", "error, skip"),
        ("dataset.mixture", (("camvid", "train"),), "name, split"),
        ("augment_on", "gpu", "host, device"),
    ),
)
def test_refuses_values_that_are_not_there(config, key, value, message):
  section, _, name = key.rpartition(".")
  setattr(config[section] if section else config, name, value)
  refuses = build.on_device if key == "augment_on" else streams.train_source
  with pytest.raises(ValueError, match=message):
    refuses(config)


def test_skipping_names_what_it_skips(config, caplog, monkeypatch):
  whole = streams.source(config, "train")

  class Torn:

    name, sizes = "shapes, train", whole.sizes

    def __len__(self):
      return len(whole)

    def __getitem__(self, i):
      if i == 5:
        raise ValueError("shapes, train: OpenCV cannot decode example 5.")
      return whole[i]

  monkeypatch.setattr(streams, "source", lambda config, split: Torn())
  batches = build.train_batches(config)
  with pytest.raises(ValueError, match="example 5"):
    list(itertools.islice(batches, 4))
  config.dataset.on_damaged = "skip"
  batches = build.train_batches(config)
  for _ in range(8):
    next(batches)
  assert caplog.text.count("decode example 5") == 1
