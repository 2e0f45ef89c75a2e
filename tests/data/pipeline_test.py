"""Batch i is a function of (seed, i); evaluation counts every image once."""

import time

import numpy as np
import pytest

from segjax import data
from segjax.data import transforms

N = 10


class Numbers:
  """Image i is full of i, and all have one size."""

  def __init__(self, n=N, size=(8, 12)):
    self.n, self.size = n, size

  def __len__(self):
    return self.n

  def __getitem__(self, i):
    image = np.full((*self.size, 3), i, np.uint8)
    return {"image": image, "label": image[..., 0], "id": str(i)}


class Sizes:
  """Image i is full of i and has the i-th size."""

  def __init__(self, sizes):
    self.sizes = sizes

  def __len__(self):
    return len(self.sizes)

  def __getitem__(self, i):
    image = np.full((*self.sizes[i], 3), i, np.uint8)
    return {"image": image, "label": image[..., 0], "id": str(i)}


def stamp(rng, example):
  """Puts a random number into the first pixel of the label."""
  label = example["label"].copy()
  label[0, 0] = rng.integers(256)
  return example | {"label": label}


def train(n=6, source=Numbers(), augment=stamp, **options):  # noqa: B008
  options = dict(batch_size=4, seed=7) | options
  batches = data.train_batches(source, augment, **options)
  return [next(batches) for _ in range(n)]


def same(a, b):
  return len(a) == len(b) and all(
      x.keys() == y.keys() and all(np.array_equal(x[k], y[k]) for k in x)
      for x, y in zip(a, b)
  )


def order(batches):
  return [int(i) for b in batches for i in b["image"][:, 0, 0, 0]]


def test_a_batch_has_the_documented_arrays():
  (batch,) = train(1)
  assert set(batch) == {"image", "label"}
  assert batch["image"].shape == (4, 8, 12, 3)
  assert batch["label"].shape == (4, 8, 12)
  assert batch["image"].dtype == batch["label"].dtype == np.uint8


@pytest.mark.parametrize("start", (1, 5))
def test_starting_late_gives_the_same_batches(start):
  assert same(train(8)[start:], train(8 - start, start=start))


@pytest.mark.parametrize("num_threads", (0, 1, 5))
def test_threads_do_not_matter(num_threads):
  assert same(train(), train(num_threads=num_threads))


@pytest.mark.parametrize("count", (2, 4))
def test_processes_share_the_rows_of_the_same_batches(count):
  parts = [train(process_index=p, process_count=count) for p in range(count)]
  joined = [
      {
          k: np.concatenate([part[i][k] for part in parts])
          for k in ("image", "label")
      }
      for i in range(6)
  ]
  assert same(train(), joined)


def test_a_process_reads_its_own_rows_only():
  read = []

  class Recorder(Numbers):

    def __getitem__(self, i):
      read.append(i)
      return super().__getitem__(i)

  batches = train(
      5, Recorder(), process_index=1, process_count=2, num_threads=0
  )
  assert read == order(batches)
  assert len(read) == 10


def test_every_epoch_has_every_example_once_in_a_new_order():
  epochs = np.array(order(train(10))).reshape(4, N)
  for epoch in epochs:
    assert sorted(epoch) == list(range(N))
  assert len({tuple(epoch) for epoch in epochs}) == 4


def test_the_seed_matters():
  assert not same(train(), train(seed=8))


def test_the_next_seed_is_not_the_next_epoch():
  """Seeds that are added to the epoch's number would give shifted copies."""
  first = np.array(order(train(5, seed=0))).reshape(2, N)
  second = np.array(order(train(5, seed=1))).reshape(2, N)
  assert not np.array_equal(first[1], second[0])


def test_augmentation_differs_from_epoch_to_epoch_and_row_to_row():
  stamps = [int(s) for b in train(10) for s in b["label"][:, 0, 0]]
  assert len(set(stamps)) > 25


def test_starting_late_costs_nothing():
  start = time.perf_counter()
  train(1, start=10**12)
  assert time.perf_counter() - start < 2


def test_a_source_smaller_than_a_batch_is_repeated():
  (batch,) = train(1, Numbers(3), batch_size=8)
  assert np.bincount(order([batch])).max() == 3


def test_sizes_that_do_not_stack_are_an_error_that_says_crop():
  keep = transforms.Augment(None, scale=(1, 1))
  with pytest.raises(ValueError, match="crop"):
    train(1, Sizes([(4, 4), (5, 5)]), keep, batch_size=2)


@pytest.mark.parametrize(
    "options",
    [
        dict(batch_size=0),
        dict(batch_size=3, process_count=2),
        dict(process_index=1),
        dict(seed=-1),
        dict(start=-1),
        dict(source=Numbers(0)),
    ],
)
def test_refuses_numbers_that_do_not_fit(options):
  with pytest.raises(ValueError):
    train(1, **options)


SIZES = [(30, 40), (33, 40), (20, 60), (32, 64), (30, 40), (64, 64), (1, 33)]


@pytest.mark.parametrize("count", (1, 2))
def test_evaluation_holds_every_image_once_and_whole(count):
  source, seen = Sizes(SIZES), []
  for p in range(count):
    for batch in data.eval_batches(
        source, batch_size=2, process_index=p, process_count=count
    ):
      for row in range(2 // count):
        image, label = batch["image"][row], batch["label"][row]
        h, w = batch["size"][row]
        index = batch["index"][row]
        inside = np.zeros(label.shape, bool)
        inside[:h, :w] = True
        assert np.all(label[~inside] == data.VOID)
        assert np.all(image[~inside] == transforms.MEAN_COLOUR)
        if batch["valid"][row]:
          assert (h, w) == SIZES[index]
          assert np.all(image[:h, :w] == index)
          assert np.all(label[:h, :w] == index)
          seen.append(int(index))
        else:
          assert (h, w, index) == (0, 0, -1)
  assert sorted(seen) == list(range(len(SIZES)))


def test_evaluation_batches_have_one_size_in_few_buckets():
  shapes = [
      b["image"].shape
      for b in data.eval_batches(Sizes(SIZES), batch_size=2, multiple=32)
  ]
  assert shapes == [(2, 32, 64, 3)] * 3 + [(2, 64, 64, 3)]


def test_processes_evaluate_in_step():
  """Under jit over many hosts all must call with the same shapes."""
  shapes = [
      [
          (b["image"].shape, b["valid"].shape)
          for b in data.eval_batches(
              Sizes(SIZES), batch_size=4, process_index=p, process_count=4
          )
      ]
      for p in range(4)
  ]
  assert shapes.count(shapes[0]) == 4
  assert len(shapes[0]) == 3


def test_evaluation_without_stored_sizes_decodes_them():
  class Unsized:

    def __len__(self):
      return len(SIZES)

    def __getitem__(self, i):
      return Sizes(SIZES)[i]

  want = list(data.eval_batches(Sizes(SIZES), batch_size=2))
  assert same(want, list(data.eval_batches(Unsized(), batch_size=2)))
