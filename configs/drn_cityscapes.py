r"""DRN on Cityscapes (Yu et al. 2017, arXiv:1705.09914, Sec. 5.3).

Paper: 68.0 % mIoU on val for DRN-C-26, 70.9 for DRN-C-42 (Sec. 5.3); the
authors' code states 68.0 for DRN-D-22 and 71.4 for DRN-D-38. Ours: not run yet.
Cost: unknown; 46 500 steps of 16 crops of 896x896.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/drn_cityscapes \
      --config=configs/drn_cityscapes.py --config.pretrained.file=FILE

FILE is the authors' DRN-D-22 for ImageNet. `:depth=26` or `42` are DRN-C, `38`,
`54` and `105` DRN-D. The settings are those of the authors' page: 250 epochs,
whose learning rate is divided by 10 after each 100.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, depth=22, smoke=False)
  if arg.depth not in DEPTHS:
    raise ValueError(f"depth is one of {tuple(DEPTHS)}, not {arg.depth}")
  arch, bottleneck, stage_sizes = DEPTHS[arg.depth]
  config = common.defaults()
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment = dict(crop=(896, 896), scale=(1.0, 1.0))
  config.model = dict(name="dilated.DRNSeg")
  config.backbone = dict(
      name="drn.DRN",
      arch=arch,
      bottleneck=bottleneck,
      stage_sizes=stage_sizes,
  )
  config.pretrained.source = f"fyu/drn_{arch.lower()}_{arg.depth}_cls"
  config.batch_size = 16
  config.optimizer = dict(
      name="sgd",
      momentum=0.99,
      weight_decay=1e-4,
      factors=(("^up/", 0.0),),  # The interpolation stays.
  )
  epoch = 2975 // 16 + 1
  config.schedule = dict(
      name="exponential", peak=0.001, decay_rate=0.1, decay_steps=100 * epoch
  )
  config.total_steps = 250 * epoch
  config.eval = dict(every_steps=20 * epoch, batch_size=1)
  return common.smoke(config) if arg.smoke else config


DEPTHS = {
    22: ("D", False, (1, 1, 2, 2, 2, 2, 1, 1)),
    26: ("C", False, (1, 1, 2, 2, 2, 2, 1, 1)),
    38: ("D", False, (1, 1, 3, 4, 6, 3, 1, 1)),
    42: ("C", False, (1, 1, 3, 4, 6, 3, 1, 1)),
    54: ("D", True, (1, 1, 3, 4, 6, 3, 1, 1)),
    105: ("D", True, (1, 1, 3, 4, 23, 3, 1, 1)),
}
"""Depth -> arch, bottleneck and stage_sizes of `drn.DRN`."""
