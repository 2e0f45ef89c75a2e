"""Linen modules that no single paper owns."""

from segjax.layers.conv import (
    Act,
    Conv,
    ConvNormAct,
    ConvTranspose,
    Dropout,
    SeparableConvNormAct,
)
from segjax.layers.norm import BatchNorm, Bias, GroupNorm, Identity, ModuleDef
from segjax.ops import max_pool

__all__ = [
    "Act",
    "BatchNorm",
    "Bias",
    "Conv",
    "ConvNormAct",
    "ConvTranspose",
    "Dropout",
    "GroupNorm",
    "Identity",
    "ModuleDef",
    "SeparableConvNormAct",
    "max_pool",
]
