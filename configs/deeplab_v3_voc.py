r"""DeepLabv3 R-101 on PASCAL VOC 2012 (Chen 2017, arXiv:1706.05587, Sec. 4.1).

Paper: 77.21 % mIoU on val (Table 6, OS=16), 78.51 evaluated at output stride 8,
79.77 with scales and mirror images too; with blocks 5 to 7 in cascade in place
of ASPP 76.66 (Table 3), at most 79.35 (Table 4). Ours: not run yet.
Cost: unknown; 30 000 steps of 16 crops of 513x513.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/deeplab_v3_voc \
      --config=configs/deeplab_v3_voc.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet. `:output_stride=8` is the second
training of the paper (Sec. 4.1, "Batch normalization"): frozen statistics and a
learning rate of 0.001; give `--config.pretrained.run` the first one's workdir.
`:cascade` is the network of Sec. 3.2 in place of that of Sec. 3.3.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, output_stride=16, cascade=False, smoke=False)
  if arg.output_stride not in (8, 16):
    raise ValueError(f"output_stride is 16 or 8, not {arg.output_stride}")
  dense = arg.output_stride == 8
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(513, 513), scale=(0.5, 2.0))
  config.model = dict(
      name="deeplab_v3.DeepLabV3",
      rates=(12, 24, 36) if dense else (6, 12, 18),
  )
  config.backbone = dict(
      name="resnet.ResNet",
      stage_sizes=(3, 4, 23, 3),
      multi_grid=(1, 2, 4),
      contract_dilation=False,
      output_stride=arg.output_stride,
  )
  if arg.cascade:
    config.model = dict(
        name="deeplab_v3.DeepLabV3Cascade",
        rates=(8, 16, 32) if dense else (4, 8, 16),
    )
    config.backbone.multi_grid = (1, 2, 1)
  config.norm = dict(name="BatchNorm", momentum=0.9997, frozen=dense)
  config.pretrained.source = "torchvision/resnet101"
  config.batch_size = 16
  config.schedule = dict(name="poly", peak=0.001 if dense else 0.007, power=0.9)
  config.total_steps = 30_000
  config.precision = "bfloat16"
  return common.smoke(config) if arg.smoke else config
