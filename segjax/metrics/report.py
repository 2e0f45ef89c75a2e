"""Figures as JSON has them: None where there is no figure."""

from collections.abc import Sequence

from jaxtyping import Float
import numpy as np


def number(value: float) -> float | None:
  """None for nan."""
  return None if np.isnan(value) else float(value)


def mean(values: Float[np.ndarray, "..."]) -> float | None:
  """Over those that are not nan."""
  values = values[~np.isnan(values)]
  return float(values.mean()) if values.size else None


def by_name(
    names: Sequence[str], values: Float[np.ndarray, " k"]
) -> dict[str, float | None]:
  """Each class's value."""
  return {name: number(value) for name, value in zip(names, values)}
