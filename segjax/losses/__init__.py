"""Losses: pure functions (logits, labels) -> scalar."""

from segjax.losses.combine import combine
from segjax.losses.cross_entropy import cross_entropy

__all__ = ["combine", "cross_entropy"]
