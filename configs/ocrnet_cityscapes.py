r"""OCRNet on Cityscapes (Yuan et al. 2020, arXiv:1909.11065, Sec. 4).

Paper: 81.8 % mIoU on test with ResNet-101 and 82.4 with HRNet-W48, after
training on train and val, with several scales and flips; the authors' code
states 82.3 there and, on val with one scale, 81.6. Ours: not run yet.
Cost: unknown; 40 000 steps of 8 crops of 769x769.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/ocrnet_cityscapes \
      --config=configs/ocrnet_cityscapes.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet. `:hrnet=48` is HRNet-W48, from
the authors' weights for ImageNet and with HRNet's crops and schedule.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, hrnet=0, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment = dict(crop=(769, 769), scale=(0.5, 2.0))
  config.model = dict(name="ocrnet.OCRNet")
  config.batch_size = 8
  config.total_steps = 40_000
  if arg.hrnet:
    config.backbone = dict(
        name="hrnet.HRNet", width=arg.hrnet, fusion="bilinear"
    )
    config.pretrained.source = f"hrnet/hrnet_w{arg.hrnet}_cls"
    config.augment.crop = (512, 1024)
    config.batch_size = 12
    config.total_steps = 120_000
  else:
    config.backbone = dict(
        name="resnet.ResNet", stage_sizes=(3, 4, 23, 3), output_stride=8
    )
    config.pretrained.source = "torchvision/resnet101"
  config.loss.aux = dict(soft_regions=0.4)
  config.optimizer = dict(name="sgd", momentum=0.9, weight_decay=5e-4)
  config.schedule = dict(name="poly", peak=0.01, power=0.9)
  config.precision = "bfloat16"
  config.eval = dict(every_steps=5000, batch_size=4)
  return common.smoke(config) if arg.smoke else config
