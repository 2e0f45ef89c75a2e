"""Data: prepared data sets in, batches of numpy arrays out."""

from segjax.data import datasets, on_device, sampling, sources
from segjax.data.datasets import open_source as open
from segjax.data.labels import LabelSet, VOID
from segjax.data.pipeline import eval_batches, train_batches
from segjax.data.transforms import Augment

__all__ = [
    "VOID",
    "Augment",
    "LabelSet",
    "datasets",
    "eval_batches",
    "on_device",
    "open",
    "sampling",
    "sources",
    "train_batches",
]
