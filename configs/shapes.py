"""Small U-Net on synthetic scenes (Ronneberger 2015, arXiv:1505.04597).

The demo.

Paper: none. Ours: 87.4 % mIoU on the test scenes (results/shapes), 87.3 on
validation, where the recipe was chosen. Cost: 500 steps, 2.5 minutes on 2 CPU
cores.

  python -m experiments.prepare --dataset=shapes --data_dir=data
  python -m experiments.train --config=configs/shapes.py --workdir=runs/shapes
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Options: smoke."""
  arg = common.parse(arg, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="shapes")
  config.augment = dict(crop=(96, 96), scale=(1.0, 1.0))
  config.batch_size = 8
  config.preprocess = "unit"
  config.model = dict(
      name="unet.UNet",
      features=(16, 32, 64, 128),
      padding="same",
      dropout_rate=0.0,
  )
  config.norm = dict(name="BatchNorm")
  config.optimizer = dict(name="adamw", weight_decay=1e-4)
  config.schedule = dict(name="cosine", peak=3e-3, warmup_steps=20)
  config.total_steps = 500
  config.log_every_steps = 20
  config.eval = dict(every_steps=250, batch_size=16)
  config.checkpoint = dict(every_steps=100)
  return common.smoke(config) if arg.smoke else config
