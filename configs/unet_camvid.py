r"""Padded U-Net on CamVid (Ronneberger et al. 2015, arXiv:1505.04597).

Paper: none; it segments cells (ISBI 2012). Ours: not run yet. Cost: `:cpu` 36
minutes on 2 CPU cores, from its 9.5 images/s there.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR
  python -m experiments.train --workdir=runs/unet_camvid \
      --config=configs/unet_camvid.py:cpu

`:cpu` sees the frames at half resolution and has a quarter of the channels;
its predictions are brought to full size before they are counted.
"""

import ml_collections

from configs import common

WEIGHTS = (0.5, 0.4, 2.2, 0.4, 1.0, 0.6, 2.0, 1.4, 0.9, 2.5, 3.0)
"""Square roots of the median-frequency weights of SegNet (arXiv:1511.00561,
Sec. 4), counted on the training split; the weights themselves favour class
accuracy over mIoU."""


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, cpu=False, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="camvid", train="train", eval="validation")
  config.model = dict(name="unet.UNet", padding="same", dropout_rate=0.0)
  config.norm = dict(name="BatchNorm")
  config.loss.weights = WEIGHTS
  config.augment = dict(crop=(352, 480), scale=(0.75, 1.5), jitter=0.3)
  config.optimizer = dict(name="adamw", weight_decay=0.01)
  config.schedule = dict(name="cosine", peak=1e-3, warmup_steps=200)
  config.batch_size = 8
  config.total_steps = 12_000
  config.eval = dict(every_steps=1000, batch_size=4, multiple=8)
  config.checkpoint.every_steps = 500
  if arg.cpu:
    config.model.features = (16, 32, 64, 128, 256)
    config.augment = dict(crop=(128, 176), resize=0.5)
    config.eval.scales = (0.5,)
    config.total_steps = 2500
    config.eval.every_steps = 500
    config.checkpoint.every_steps = 100
    config.log_every_steps = 20
  return common.smoke(config) if arg.smoke else config
