r"""DeepLabv3+ on PASCAL VOC 2012 (Chen et al. 2018, arXiv:1802.02611, Table 5).

Paper: 79.79 % mIoU on val for Xception-65 with separable ASPP and decoder at
output stride 16 (Table 5), 80.02 evaluated at 8, 81.39 with scales and mirror
images too; 78.85 for ResNet-101 without separable convolutions (Table 3).
Ours: not run yet. Cost: unknown; 30 000 steps of 16 crops of 513x513.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/deeplab_v3plus_voc \
      --config=configs/deeplab_v3plus_voc.py --config.pretrained.file=FILE

FILE is timm's Xception-65, which is the authors' for ImageNet;
`:backbone=resnet101` takes torchvision's ResNet-101. Training is as in
DeepLabv3 (Sec. 4).
"""

import ml_collections

from configs import common, deeplab_v3_voc


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, backbone="xception65", smoke=False)
  if arg.backbone not in ("xception65", "resnet101"):
    raise ValueError(f"backbone is xception65 or resnet101, not {arg.backbone}")
  config = deeplab_v3_voc.get_config()
  rates = config.model.rates
  config.model = dict(name="deeplab_v3plus.DeepLabV3Plus", rates=rates)
  if arg.backbone == "xception65":
    config.model.low_level = "low_level"
    config.backbone = dict(name="xception.AlignedXception", output_stride=16)
    config.norm = dict(
        name="BatchNorm",
        momentum=0.9997,
        epsilon=1e-3,
    )
    config.pretrained.source = "timm/xception65"
  else:
    config.model.separable = False
  return common.smoke(config) if arg.smoke else config
