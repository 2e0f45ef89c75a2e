r"""DDSC on CamVid (Bilinski and Prisacariu 2018, CVPR).

Paper: 48.1 % mIoU on NYUDv2 with ResNet-101, as public tables quote it; its
number on CamVid could not be checked. Ours: not run yet. Cost: unknown; 12 000
steps of 8 crops of 352x480.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR
  python -m experiments.train --workdir=runs/ddsc_camvid \
      --config=configs/ddsc_camvid.py:depth=50 --config.pretrained.file=FILE

FILE is torchvision's ResNeXt-50 32x4d for ImageNet; `:depth=101` starts from
nothing. The settings are ours.
"""

import ml_collections

from configs import common
from segjax.backbones import resnet


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, depth=50, smoke=False)
  if arg.depth not in (50, 101):
    raise ValueError(f"depth is 50 or 101, not {arg.depth}")
  config = common.defaults()
  config.dataset = dict(name="camvid", train="train", eval="validation")
  config.augment = dict(crop=(352, 480), scale=(0.75, 1.5))
  config.model = dict(name="ddsc.DDSC")
  config.backbone = dict(
      name="resnet.ResNet",
      stage_sizes=resnet.STAGE_SIZES[arg.depth],
      groups=32,
      width_per_group=4,
  )
  if arg.depth == 50:
    config.pretrained.source = "torchvision/resnext50_32x4d"
  config.batch_size = 8
  config.optimizer = dict(
      name="sgd", momentum=0.9, weight_decay=5e-4, head_factor=10.0
  )
  config.schedule = dict(name="poly", peak=1e-3, power=0.9)
  config.total_steps = 12_000
  config.eval = dict(every_steps=1000, batch_size=4)
  config.precision = "bfloat16"
  return common.smoke(config) if arg.smoke else config
