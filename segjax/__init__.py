"""segjax: semantic segmentation in JAX, one paper a file."""

__version__ = "0.1.0"
