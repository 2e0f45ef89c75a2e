r"""HRNetV2 on PASCAL-Context (Wang et al. 2020, arXiv:1908.07919, Sec. 5).

Paper: 48.3 % mIoU on val over 60 classes and 54.0 % over the 59 without the
background, with W48, several scales and flips. Ours: not run yet.
Cost: unknown; 60 000 steps of 16 crops of 480x480.

  python -m experiments.prepare --dataset=pascal_context --manual_dir=DIR
  python -m experiments.train --workdir=runs/hrnet_pascal_context \
      --config=configs/hrnet_pascal_context.py --config.pretrained.file=FILE

FILE is as on Cityscapes.
"""

import ml_collections

from configs import common, hrnet_cityscapes


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, width=48, smoke=False)
  config = hrnet_cityscapes.get_config(f"width={arg.width}")
  config.dataset = dict(name="pascal_context", train="train", eval="validation")
  config.augment = dict(crop=(480, 480), scale=(0.5, 2.0))
  config.batch_size = 16
  config.optimizer = dict(name="sgd", momentum=0.9, weight_decay=1e-4)
  config.schedule = dict(name="poly", peak=0.004, power=0.9)
  config.total_steps = 60_000
  config.eval = dict(every_steps=5000, batch_size=8)
  return common.smoke(config) if arg.smoke else config
