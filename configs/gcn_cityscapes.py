r"""GCN on Cityscapes (Peng et al. 2017, arXiv:1703.02719, Sec. 4.3).

Paper: 76.9 % mIoU on val, and 76.9 on test with several scales and a CRF; both
with the coarse annotations. Ours: not run yet. Cost: unknown; 150 000 steps of
one crop of 800x800.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/gcn_cityscapes \
      --config=configs/gcn_cityscapes.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-152 for ImageNet. The crops of 800x800 have a
coarsest map of 25x25, which is why k is 25. The paper evaluates overlapping
quarters of 1024x1024; here a frame is evaluated whole. The rest is as on VOC.
"""

import ml_collections

from configs import common, gcn_voc


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  smoke = common.parse(arg, smoke=False).smoke
  config = gcn_voc.get_config("kernel_size=25")
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment.crop = (800, 800)
  config.eval = dict(every_steps=10_000, batch_size=2)
  return common.smoke(config) if smoke else config
