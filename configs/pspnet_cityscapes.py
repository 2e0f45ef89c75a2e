r"""PSPNet R-101 on Cityscapes (Zhao et al. 2017, arXiv:1612.01105, Sec. 5.4).

Paper: 78.4 % mIoU on test, 80.2 with the coarse annotations (Table 8). Ours:
not run yet. Cost: unknown; 90 000 steps of 16 crops of 713x713.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/pspnet_cityscapes \
      --config=configs/pspnet_cityscapes.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet; the rest is as on VOC.
"""

import ml_collections

from configs import common, pspnet_voc


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  smoke = common.parse(arg, smoke=False).smoke
  config = pspnet_voc.get_config()
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment = dict(crop=(713, 713), scale=(0.5, 2.0))
  config.total_steps = 90_000
  config.eval = dict(every_steps=5000, batch_size=8)
  return common.smoke(config) if smoke else config
