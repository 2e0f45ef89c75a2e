r"""DFN on PASCAL VOC 2012 (Yu et al. 2018, arXiv:1804.09337, Sec. 4).

Paper: 86.2 % mIoU on the benchmark (abstract), 79.67 on val at one scale as the
authors' TorchSeg quotes it. Ours: not run yet. Cost: unknown; 39 600 steps of
32 crops of 512x512.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/dfn_voc \
      --config=configs/dfn_voc.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet. Rates, decay, batch, scales and
the border loss are those of TorchSeg, whose ResNet has another stem
(`--config.backbone.deep_stem`) and which reports 79.63 on val.
"""

import ml_collections

from configs import common

BORDER = dict(name="border", weight=0.1, gamma=2.0, alpha=0.25)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  smoke = common.parse(arg, smoke=False).smoke
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(512, 512), scale=(0.5, 2.0))
  config.model = dict(name="dfn.DFN")
  config.backbone = dict(name="resnet.ResNet", stage_sizes=(3, 4, 23, 3))
  config.pretrained.source = "torchvision/resnet101"
  config.loss.aux = dict(
      smooth0=1.0,
      smooth1=1.0,
      smooth2=1.0,
      border=dict(BORDER),
      border0=dict(BORDER),
      border1=dict(BORDER),
      border2=dict(BORDER),
  )
  config.batch_size = 32
  config.optimizer = dict(
      name="sgd", momentum=0.9, weight_decay=1e-5, head_factor=10.0
  )
  config.schedule = dict(name="poly", peak=1e-3, power=0.9)
  config.total_steps = 39_600
  config.precision = "bfloat16"
  return common.smoke(config) if smoke else config
