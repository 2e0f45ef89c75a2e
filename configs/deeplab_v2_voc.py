r"""DeepLabv2 on PASCAL VOC 2012 (Chen et al. 2018, arXiv:1606.00915, Table 4).

Paper: 71.27 % mIoU on val for ResNet-101 with multi-scale inputs alone; 76.35
with COCO, rescaled training images and ASPP as well, 77.69 with the CRF
(Table 4). Ours: not run yet.
Cost: unknown; 20 000 steps of 10 crops of 321x321, at three scales.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/deeplab_v2_voc \
      --config=configs/deeplab_v2_voc.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet; the paper's is pre-trained on
COCO too, which is left out here. `:backbone=vgg16` is DeepLab-ASPP-L on VGG-16
(68.96 before the CRF, Table 3), and `:backbone=vgg16,rates=small` ASPP-S
(66.98), `rates=single` LargeFOV (65.76). Sec. 4.1.2 has the schedule and the
batch; the peak for ResNet, the crop, and that BatchNorm is frozen, are the
authors' Caffe files'.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, backbone="resnet101", rates="large", smoke=False)
  if arg.backbone not in ("resnet101", "vgg16"):
    raise ValueError(f"backbone is resnet101 or vgg16, not {arg.backbone}")
  if arg.rates not in RATES:
    raise ValueError(f"rates is one of {tuple(RATES)}, not {arg.rates}")
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(321, 321), scale=(0.5, 1.5))
  config.model = dict(name="deeplab_v2.DeepLabV2", rates=RATES[arg.rates])
  config.pretrained.source = f"torchvision/{arg.backbone}"
  if arg.backbone == "resnet101":
    config.backbone = dict(
        name="resnet.ResNet",
        stage_sizes=(3, 4, 23, 3),
        output_stride=8,
        contract_dilation=False,
    )
    config.norm = dict(name="BatchNorm", frozen=True)
    config.loss.aux = dict(scale100=1.0, scale75=1.0, scale50=1.0)
  else:
    config.model.update(features=1024, scales=(1.0,))
    config.backbone = dict(
        name="vgg.VGG", pool_size=3, ceil_mode=True, output_stride=8
    )
  config.batch_size = 10
  config.optimizer = dict(
      name="sgd",
      momentum=0.9,
      weight_decay=5e-4,
      factors=((r"^aspp/fc8_\d/", 10.0),),
  )
  peak = 2.5e-4 if arg.backbone == "resnet101" else 1e-3
  config.schedule = dict(name="poly", peak=peak, power=0.9)
  config.total_steps = 20_000
  config.eval = dict(every_steps=2000, multiple=8)
  return common.smoke(config) if arg.smoke else config


RATES = {"large": (6, 12, 18, 24), "small": (2, 4, 8, 12), "single": (12,)}
"""Of ASPP-L, ASPP-S and LargeFOV (Table 3)."""
