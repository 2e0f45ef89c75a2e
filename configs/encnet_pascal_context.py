r"""EncNet on PASCAL-Context (Zhang et al. 2018, arXiv:1803.08904, Sec. 4.2).

Paper: 51.7 % mIoU over 60 classes, with the background, on the val split, with
ResNet-101 and several scales. Ours: not run yet. Cost: unknown;
15 600 steps (50 epochs) of 16 crops of 480x480.

  python -m experiments.prepare --dataset=pascal_context --manual_dir=DIR
  python -m experiments.train --workdir=runs/encnet_pascal_context \
      --config=configs/encnet_pascal_context.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet, or `:depth=50`'s. Both SE losses
have the weight 0.2. The paper also turns images by up to 10 degrees, which is
left out here.
"""

import ml_collections

from configs import common
from segjax.backbones import resnet


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, depth=101, smoke=False)
  if arg.depth not in (50, 101):
    raise ValueError(f"depth is 50 or 101, not {arg.depth}")
  config = common.defaults()
  config.dataset = dict(name="pascal_context", train="train", eval="validation")
  config.augment = dict(crop=(480, 480), scale=(0.5, 2.0))
  config.model = dict(name="encnet.EncNet", num_codes=32)
  config.backbone = dict(
      name="resnet.ResNet",
      stage_sizes=resnet.STAGE_SIZES[arg.depth],
      output_stride=8,
  )
  config.pretrained.source = f"torchvision/resnet{arg.depth}"
  config.loss.aux = dict(
      presence=dict(name="presence", weight=0.2),
      presence_stage3=dict(name="presence", weight=0.2),
  )
  config.batch_size = 16
  config.optimizer = dict(name="sgd", momentum=0.9, weight_decay=1e-4)
  config.schedule = dict(name="poly", peak=0.001, power=0.9)
  config.total_steps = 15_600
  config.precision = "bfloat16"
  return common.smoke(config) if arg.smoke else config
