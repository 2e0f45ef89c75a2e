r"""RefineNet on Cityscapes (Lin et al. 2017, arXiv:1611.06612, Sec. 4).

Paper: 73.6 % mIoU on test with ResNet-101. Ours: not run yet. Cost: unknown;
200 000 steps of one crop of 600x600.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/refinenet_cityscapes \
      --config=configs/refinenet_cityscapes.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet. The crop is the authors'; the
rest is as on VOC.
"""

import ml_collections

from configs import common, refinenet_voc


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  smoke = common.parse(arg, smoke=False).smoke
  config = refinenet_voc.get_config("depth=101")
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment.crop = (600, 600)
  config.eval = dict(every_steps=10_000, batch_size=2, scales=(1.0,))
  return common.smoke(config) if smoke else config
