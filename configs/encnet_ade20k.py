r"""EncNet on ADE20K (Zhang et al. 2018, arXiv:1803.08904, Sec. 4.3).

Paper: 0.5567 on test, the mean of pixel accuracy and mIoU, with ResNet-101.
Ours: not run yet. Cost: unknown; 151 500 steps (120 epochs) of 16 crops of
480x480.

  python -m experiments.prepare --dataset=ade20k --manual_dir=DIR
  python -m experiments.train --workdir=runs/encnet_ade20k \
      --config=configs/encnet_ade20k.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet; the rest is as on PASCAL-Context.
"""

import ml_collections

from configs import common, encnet_pascal_context


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, depth=101, smoke=False)
  config = encnet_pascal_context.get_config(f"depth={arg.depth}")
  config.dataset = dict(name="ade20k", train="train", eval="validation")
  config.schedule.peak = 0.01
  config.total_steps = 151_500
  config.eval = dict(every_steps=5000, batch_size=8)
  return common.smoke(config) if arg.smoke else config
