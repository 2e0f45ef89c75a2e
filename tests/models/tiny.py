"""One small network of every kind, for tests of what all models promise."""

from tests.models import tiny_context, tiny_encoder_decoder
from tests.models.tiny_parts import CLASSES, DILATED, FCN, tiny_resnet

__all__ = [
    "CLASSES",
    "DILATED",
    "FCN",
    "MODELS",
    "NOT_CLASS_MAPS",
    "ONE_OF_EACH_CLASS",
    "tiny_resnet",
]

MODELS = tiny_encoder_decoder.MODELS | tiny_context.MODELS
"""Name -> the network, and the keys of its outputs."""

ONE_OF_EACH_CLASS = tuple(
    {type(MODELS[name][0]): name for name in reversed(MODELS)}.values()
)
"""Names; for tests that compile."""

NOT_CLASS_MAPS: tuple[str, ...] = (
    "border",
    "border0",
    "border1",
    "border2",
    "presence",
    "presence_stage3",
)
"""Outputs of another shape than (n, h, w, classes); their tests say which."""
