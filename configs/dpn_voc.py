r"""DPN on PASCAL VOC 2012 (Liu et al. 2015, arXiv:1509.02634, Sec. 5).

Paper: 74.1 % mIoU on test, 77.5 with MS-COCO as well; on val 62.4 for the unary
term, 64.7 with b12, 66.5 with b13 to b15, 67.8 after joint training. Ours: not
run yet. Cost: unknown; 20 000 steps of 12 crops of 512x512.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/dpn_voc \
      --config=configs/dpn_voc.py --config.pretrained.file=FILE

FILE is torchvision's VGG-16 for ImageNet. `:stage=1` trains the unary term
alone, `:stage=2` b12, `:stage=3` b13, `:stage=4` everything, as the paper does
one after the other: stages 2 to 4 take `--config.pretrained.run`, the workdir of
the stage before. The default is all of it at once, from VGG-16. Rates, steps and
the size of the batch are ours.
"""

import ml_collections

from configs import common

FROZEN = {
    1: (),
    2: (("^(?!b12/)", 0.0),),
    3: (("^(?!b13/)", 0.0),),
    4: (),
}
"""Stage -> the parameters that do not learn."""


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, stage=4, smoke=False)
  if arg.stage not in FROZEN:
    raise ValueError(f"stage is 1, 2, 3 or 4, not {arg.stage}")
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(512, 512), scale=(0.5, 2.0))
  # 10 grey levels in the unit of torchvision's images.
  config.model = dict(name="dpn.DPN", stage=arg.stage, rgb=10 / 57)
  config.backbone = dict(name="vgg.VGG", output_stride=8, dense_pools=False)
  config.pretrained.source = "torchvision/vgg16"
  config.batch_size = 12
  config.optimizer = dict(
      name="sgd", momentum=0.9, weight_decay=5e-4, factors=FROZEN[arg.stage]
  )
  config.schedule = dict(name="poly", peak=1e-3, power=0.9)
  config.total_steps = 20_000
  config.eval = dict(every_steps=2000, batch_size=2)
  return common.smoke(config) if arg.smoke else config
