r"""DFN on Cityscapes (Yu et al. 2018, arXiv:1804.09337, Sec. 4).

Paper: 80.3 % mIoU on the benchmark (abstract); on val, as the authors' TorchSeg
quotes it, 78.5 at one scale and 79.3 with several and mirror images. Ours: not
run yet. Cost: unknown; 80 000 steps of 16 crops of 800x800.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/dfn_cityscapes \
      --config=configs/dfn_cityscapes.py --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet. Rates, decay, batch and crop are
those of TorchSeg.
"""

import ml_collections

from configs import common, dfn_voc


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  smoke = common.parse(arg, smoke=False).smoke
  config = dfn_voc.get_config()
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment = dict(crop=(800, 800), scale=(0.5, 2.0))
  config.batch_size = 16
  config.optimizer.weight_decay = 1e-4
  config.schedule.peak = 7e-4
  config.total_steps = 80_000
  config.eval = dict(every_steps=5000, batch_size=4)
  return common.smoke(config) if smoke else config
