r"""DeepLabv3 R-101 on Cityscapes (Chen 2017, arXiv:1706.05587, appendix B).

Paper: 77.23 % mIoU on val at output stride 16 (Table 8), 79.30 at 8 with scales
and mirror images. Ours: not run yet. Cost: unknown; 90 000 steps of 16 crops
of 769x769.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/deeplab_v3_cityscapes \
      --config=configs/deeplab_v3_cityscapes.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet. What the appendix does not state
is as on VOC.
"""

import ml_collections

from configs import common, deeplab_v3_voc


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  smoke = common.parse(arg, smoke=False).smoke
  config = deeplab_v3_voc.get_config()
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment = dict(crop=(769, 769), scale=(0.5, 2.0))
  config.total_steps = 90_000
  config.eval = dict(every_steps=5000, batch_size=8)
  return common.smoke(config) if smoke else config
