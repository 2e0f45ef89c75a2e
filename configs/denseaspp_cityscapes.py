r"""DenseASPP on Cityscapes (Yang et al. 2018, CVPR 2018, Sec. 4).

Paper: 80.6 % mIoU on test with DenseNet-161. Ours: not run yet. Cost: unknown;
29 750 steps (80 epochs) of 8 crops of 512x512.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/denseaspp_cityscapes \
      --config=configs/denseaspp_cityscapes.py --config.pretrained.file=FILE

FILE is torchvision's DenseNet for ImageNet. `:depth=121`, 161, 169 and 201 are
the authors' sizes, `:depth=0` is MobileNetV2.
"""

import ml_collections

from configs import common
from segjax.backbones import densenet
from segjax.models import denseaspp


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, depth=161, smoke=False)
  if arg.depth not in (0, *densenet.SIZES):
    raise ValueError(
        f"depth is {arg.depth}; possible are {', '.join(map(str, densenet.SIZES))},"
        " and 0 for MobileNetV2"
    )
  config = common.defaults()
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment = dict(crop=(512, 512), scale=(0.5, 2.0))
  if arg.depth:
    inner_features, features = denseaspp.SIZES[arg.depth]
    growth, width, stage_sizes = densenet.SIZES[arg.depth]
    config.backbone = dict(
        name="densenet.DenseNet",
        stage_sizes=stage_sizes,
        growth=growth,
        width=width,
        output_stride=8,
        pool_dilated=False,
        norm_last=False,
    )
    config.pretrained.source = f"torchvision/densenet{arg.depth}"
  else:
    inner_features, features = denseaspp.SIZES[121]
    config.backbone = dict(name="mobilenet.MobileNetV2", output_stride=8)
    config.pretrained.source = "torchvision/mobilenet_v2"
  config.model = dict(
      name="denseaspp.DenseASPP",
      halve=arg.depth > 0,
      inner_features=inner_features,
      features=features,
  )
  config.batch_size = 8
  config.optimizer = dict(name="adamw", weight_decay=1e-5)
  config.schedule = dict(name="poly", peak=3e-4, power=0.9)
  config.total_steps = 29_750
  config.precision = "bfloat16"
  config.eval = dict(every_steps=3000, batch_size=4)
  return common.smoke(config) if arg.smoke else config
