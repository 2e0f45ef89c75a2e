r"""HRNetV2 on Cityscapes (Wang et al. 2020, arXiv:1908.07919, Sec. 5).

Paper: 81.1 % mIoU on val with W48, one scale, no flip; the authors' code states
80.9. Ours: not run yet. Cost: unknown; 120 000 steps of 12 crops of 512x1024.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/hrnet_cityscapes \
      --config=configs/hrnet_cityscapes.py --config.pretrained.file=FILE

FILE is the authors' HRNet-W48-C for ImageNet; `:width=18` and `:width=32` are
the smaller networks.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, width=48, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment = dict(crop=(512, 1024), scale=(0.5, 2.0))
  config.model = dict(name="hrnet.HRNetV2")
  config.backbone = dict(name="hrnet.HRNet", width=arg.width, fusion="bilinear")
  config.pretrained.source = f"hrnet/hrnet_w{arg.width}_cls"
  config.batch_size = 12
  config.optimizer = dict(name="sgd", momentum=0.9, weight_decay=5e-4)
  config.schedule = dict(name="poly", peak=0.01, power=0.9)
  config.total_steps = 120_000
  config.precision = "bfloat16"
  config.eval = dict(every_steps=10_000, batch_size=4)
  return common.smoke(config) if arg.smoke else config
