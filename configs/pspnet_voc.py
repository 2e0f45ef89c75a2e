r"""PSPNet R-101 on PASCAL VOC 2012 (Zhao 2017, arXiv:1612.01105, Sec. 5.3).

Paper: 82.6 % mIoU on test (Table 6), 85.4 with MS-COCO as well; it states none
on val. Ours: not run yet. Cost: unknown; 30 000 steps of 16 crops of 473x473.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/pspnet_voc \
      --config=configs/pspnet_voc.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet. Sec. 5.1 also turns images by up
to 10 degrees and blurs them, which is left out here; the crop is the size that
the authors' published network takes.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(473, 473), scale=(0.5, 2.0))
  config.model = dict(name="pspnet.PSPNet")
  config.backbone = dict(
      name="resnet.ResNet", stage_sizes=(3, 4, 23, 3), output_stride=8
  )
  config.pretrained.source = "torchvision/resnet101"
  config.loss.aux = dict(aux=0.4)
  config.batch_size = 16
  config.optimizer = dict(name="sgd", momentum=0.9, weight_decay=1e-4)
  config.schedule = dict(name="poly", peak=0.01, power=0.9)
  config.total_steps = 30_000
  config.precision = "bfloat16"
  return common.smoke(config) if arg.smoke else config
