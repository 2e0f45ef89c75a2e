r"""RefineNet on PASCAL VOC 2012 (Lin et al. 2017, arXiv:1611.06612, Sec. 4).

Paper: 83.4 % mIoU on test with ResNet-152, MS-COCO and several scales
(abstract). Light-weight: 78.5 % on val and 81.1 on test with ResNet-50, 80.3
and 82.0 with 101, 82.1 and 82.7 with 152 (arXiv:1810.03272). Ours: not run
yet. Cost: unknown; 200 000 steps of one crop of 400x400.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/refinenet_voc \
      --config=configs/refinenet_voc.py:depth=101 --config.pretrained.file=FILE

FILE is torchvision's ResNet for ImageNet, of `:depth=50`, 101 or 152.
`:cascade=2` and `:cascade=1` have fewer blocks, `:light` is the light-weight
form. Rates, crop, scales, the frozen statistics and the
backbone's rate are those of the authors' training demo; it lowers the rate by
hand, near epoch 70 of at most 2000 images in its example. It samples crops by
class and enlarges images by 1.2 before all else, which is done here in the
range of the scales.
"""

import ml_collections

from configs import common
from segjax.backbones import resnet


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, depth=152, cascade=4, light=False, smoke=False)
  if arg.depth not in (50, 101, 152):
    raise ValueError(f"depth is 50, 101 or 152, not {arg.depth}")
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(400, 400), scale=(0.84, 1.56))
  model = "LightWeightRefineNet" if arg.light else "RefineNet"
  config.model = dict(name=f"refinenet.{model}", cascade=arg.cascade)
  config.backbone = dict(
      name="resnet.ResNet", stage_sizes=resnet.STAGE_SIZES[arg.depth]
  )
  config.norm = dict(name="BatchNorm", frozen=True)
  config.pretrained.source = f"torchvision/resnet{arg.depth}"
  config.batch_size = 1
  config.optimizer = dict(
      name="sgd", momentum=0.9, weight_decay=5e-4, head_factor=10.0
  )
  config.schedule = dict(
      name="exponential", peak=5e-5, decay_rate=0.1, decay_steps=140_000
  )
  config.total_steps = 200_000
  config.eval = dict(every_steps=10_000, batch_size=4, scales=(1.2,))
  return common.smoke(config) if arg.smoke else config
