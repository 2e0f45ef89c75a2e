"""Segmentation networks, one paper a file: image -> {"logits": ..., ...}."""
