r"""GCN on PASCAL VOC 2012 (Peng et al. 2017, arXiv:1703.02719, Sec. 4.2).

Paper: 80.3 % mIoU on val, 82.2 on test with several scales and a CRF; both with
MS-COCO. Ours: not run yet. Cost: unknown; 150 000 steps of one crop of 512x512.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/gcn_voc \
      --config=configs/gcn_voc.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-152 for ImageNet. The paper trains in three stages,
with COCO, then SBD, then VOC alone; this is the second. It pads images to
512x512, takes single ones, a momentum of 0.99 and a weight decay of 5e-4, and
gives neither rates nor steps; both are ours. So are the frozen statistics,
without which single images would not train.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, kernel_size=15, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(512, 512), scale=(1.0, 1.0))
  config.model = dict(name="gcn.GCN", kernel_size=arg.kernel_size)
  config.backbone = dict(name="resnet.ResNet", stage_sizes=(3, 8, 36, 3))
  config.norm = dict(name="BatchNorm", frozen=True)
  config.pretrained.source = "torchvision/resnet152"
  config.batch_size = 1
  config.optimizer = dict(name="sgd", momentum=0.99, weight_decay=5e-4)
  config.schedule = dict(name="poly", peak=1e-4, power=0.9)
  config.total_steps = 150_000
  config.eval = dict(every_steps=10_000, batch_size=4)
  return common.smoke(config) if arg.smoke else config
