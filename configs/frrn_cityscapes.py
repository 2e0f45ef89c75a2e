r"""FRRN on Cityscapes (Pohlen et al. 2017, arXiv:1611.08323, Sec. 5).

Paper: 71.8 % mIoU on test for FRRN-B, trained at half resolution, without
pretraining (abstract). Ours: not run yet. Cost: unknown; 90 000 steps of 3
frames of 512x1024, of 256x512 for FRRN-A.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/frrn_cityscapes \
      --config=configs/frrn_cityscapes.py

`:variant=A` is FRRN-A at a quarter of the resolution. Rates, batch and the K of
the bootstrapped loss are those of the authors' code, which trains until it is
stopped. It shifts frames by up to 20 pixels and changes their gamma by 0.05;
here the brightness changes.
"""

import ml_collections

from configs import common
from segjax.models import frrn


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, variant="B", smoke=False)
  if arg.variant not in ("A", "B"):
    raise ValueError(f"variant is A or B, not {arg.variant}")
  small = arg.variant == "A"
  resolution = 0.25 if small else 0.5
  config = common.defaults()
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment = dict(
      crop=None, scale=(1.0, 1.0), flip=False, jitter=0.05, resize=resolution
  )
  config.preprocess = "unit"
  config.model = dict(
      name="frrn.FRRN", **(frrn.FRRN_A if small else frrn.FRRN_B)
  )
  config.loss = dict(
      name="bootstrapped_cross_entropy",
      pixels=512 * (32 if small else 64),
      aux={},
      weights=(),
  )
  config.batch_size = 3
  config.optimizer = dict(name="adamw", momentum=0.9, weight_decay=0.0)
  config.schedule = dict(
      name="exponential", peak=1e-3, decay_rate=0.1, decay_steps=45_000
  )
  config.total_steps = 90_000
  config.eval = dict(every_steps=5000, batch_size=3, scales=(resolution,))
  return common.smoke(config) if arg.smoke else config
