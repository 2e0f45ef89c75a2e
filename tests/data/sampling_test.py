"""Mixtures, balance of classes and damaged records, by (seed, position)."""

import logging

import numpy as np
import pytest

from segjax import data
from segjax.data import sampling, sources


class Numbers:
  """Image i is full of `first` + i; some are damaged."""

  def __init__(self, n, first=0, damaged=(), name="numbers"):
    self.n, self.first, self.damaged, self.name = n, first, damaged, name

  def __len__(self):
    return self.n

  def __getitem__(self, i):
    if i in self.damaged:
      raise OSError("bad block")
    image = np.full((4, 5, 3), self.first + i, np.uint8)
    return {"image": image, "label": image[..., 0], "id": str(i)}


def keep(rng, example):
  del rng
  return example


def stream(source, pools=None, n=5, **options):
  options = dict(batch_size=8, seed=3, num_threads=0, pools=pools) | options
  batches = data.train_batches(source, keep, **options)
  return np.concatenate([next(batches)["label"][:, 0, 0] for _ in range(n)])


def test_a_mixture_keeps_its_weights_exactly():
  joined = sources.Joined([Numbers(7), Numbers(30, 100)])
  pools = sampling.mixture(joined.starts, (1.0, 3.0))
  drawn = np.array([pools(0, j) for j in range(2 * sampling.CYCLE)])
  assert np.sum(drawn < 7) == sampling.CYCLE // 2
  # At random: neither a block nor a fixed beat.
  first = np.flatnonzero(drawn < 7)
  assert len(set(np.diff(first))) > 3


def test_every_pool_of_a_mixture_reads_its_epochs():
  joined = sources.Joined([Numbers(7), Numbers(30, 100)])
  pools = sampling.mixture(joined.starts, (1.0, 3.0))
  drawn = np.array([pools(5, j) for j in range(3000)])
  for members in (range(7), range(7, 37)):
    mine = drawn[np.isin(drawn, members)]
    size = len(members)
    epochs = mine[: len(mine) // size * size].reshape(-1, size)
    assert np.all(np.sort(epochs, axis=1) == np.array(members))
    assert len(set(map(tuple, epochs))) > 1


def test_a_mixture_is_a_function_of_the_seed_and_the_position():
  joined = sources.Joined([Numbers(7), Numbers(30, 100)])
  pools = sampling.mixture(joined.starts, (2.0, 1.0))
  whole = stream(joined, pools, 6)
  np.testing.assert_array_equal(whole[16:], stream(joined, pools, 4, start=2))
  np.testing.assert_array_equal(whole, stream(joined, pools, 6, num_threads=3))
  parts = [
      stream(joined, pools, 6, process_index=p, process_count=2).reshape(6, 4)
      for p in range(2)
  ]
  np.testing.assert_array_equal(
      whole.reshape(6, 8), np.concatenate(parts, axis=1)
  )
  assert not np.array_equal(whole, stream(joined, pools, 6, seed=4))


@pytest.mark.parametrize("weights", ((1.0, 1e-9), (1.0, 1.0), (0.3, 0.7)))
def test_every_pool_has_a_share_and_all_shares_are_the_whole(weights):
  pools = sampling.mixture((0, 3, 5), weights)
  assert sum(pools._counts) == sampling.CYCLE
  want = np.array(weights) / sum(weights) * sampling.CYCLE
  assert np.abs(np.array(pools._counts) - np.maximum(want, 1)).max() <= 1


def test_one_pool_of_all_is_the_order_without_pools():
  source = Numbers(10)
  np.testing.assert_array_equal(
      stream(source), stream(source, sampling.everything(10))
  )


def test_joined_sources_are_one_after_the_other():
  joined = sources.Joined([Numbers(2), Numbers(3, 50)])
  assert len(joined) == 5
  assert [int(joined[i]["label"][0, 0]) for i in range(5)] == [0, 1, 50, 51, 52]
  assert joined.sizes == [(4, 5)] * 5
  with pytest.raises(IndexError):
    joined[5]


class Classes(Numbers):
  """Class 0 everywhere; class 1 in one image of twenty, 2 in none."""

  def __getitem__(self, i):
    label = np.zeros((4, 5), np.uint8)
    label[0, :2] = (1 if i == 7 else 0), data.VOID
    return {"image": np.zeros((4, 5, 3), np.uint8), "label": label, "id": ""}


@pytest.mark.parametrize("threads", (0, 3))
def test_classes_take_turns(threads):
  source = Classes(20)
  everything = sampling.everything(20)
  pools = sampling.by_class(source, everything, 3, threads)
  drawn = np.array([pools(0, j) for j in range(sampling.CYCLE)])
  # Half of the turns are class 1's, and image 7 is in class 0's pool as well.
  assert 500 + 20 <= np.sum(drawn == 7) <= 500 + 30
  assert set(drawn) == set(range(20))


def test_balance_keeps_the_weights_of_a_mixture():
  joined = sources.Joined([Classes(20), Numbers(4)])
  pools = sampling.mixture(joined.starts, (1.0, 4.0))
  balanced = sampling.by_class(joined, pools, 4)
  drawn = np.array([balanced(0, j) for j in range(sampling.CYCLE)])
  assert np.sum(drawn < 20) == sampling.CYCLE // 5


@pytest.mark.parametrize("threads", (0, 2))
def test_a_damaged_record_is_an_error_that_names_it(threads):
  source = Numbers(6, damaged=(4,), name="numbers, train")
  with pytest.raises(ValueError, match=r"numbers, train.*example 4.*bad block"):
    stream(source, num_threads=threads)
  with pytest.raises(ValueError, match=r"numbers, train.*example 4"):
    list(data.eval_batches(source, batch_size=2, num_threads=threads))


def test_image_and_label_of_two_sizes_are_an_error_that_names_them():
  class Torn(Numbers):

    def __getitem__(self, i):
      example = super().__getitem__(i)
      return example | {"label": example["label"][: 4 - (i == 2)]}

  with pytest.raises(ValueError, match=r"example 2 .*one height and width"):
    stream(Torn(3))


def test_skipping_counts_logs_and_stays_a_function_of_the_position(caplog):
  with caplog.at_level(logging.WARNING):
    tolerant = sources.Tolerant(Numbers(6, damaged=(2, 3)))
    values = stream(tolerant, n=6)
  assert set(values) == {0, 1, 4, 5}
  assert sorted(tolerant.damaged) == [2, 3]
  assert "bad block" in tolerant.damaged[2]
  assert len(caplog.records) == 2  # Once each, however often they are met.
  assert "2 so far" in caplog.text
  again = sources.Tolerant(Numbers(6, damaged=(2, 3)))
  np.testing.assert_array_equal(
      values[24:], stream(again, n=3, start=3, num_threads=2)
  )


def test_nothing_but_damage_is_an_error():
  tolerant = sources.Tolerant(Numbers(3, damaged=(0, 1, 2)))
  with pytest.raises(ValueError, match="all 3 examples are damaged"):
    stream(tolerant)


@pytest.mark.parametrize(
    "members, weights",
    (
        ((), ()),
        (((0, 1), ()), (1.0, 1.0)),
        (((0, 1),), (1.0, 2.0)),
        (((0, 1),), (0.0,)),
        (((0, 1),), (float("nan"),)),
    ),
)
def test_refuses_pools_that_cannot_be(members, weights):
  with pytest.raises(ValueError):
    sampling.Pools(tuple(map(np.array, members)), weights)
