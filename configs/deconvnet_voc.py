r"""DeconvNet on PASCAL VOC 2012 (Noh et al. 2015, arXiv:1505.04366, Table 1).

Paper: 69.6 % mIoU on test, from 50 proposals an image; 70.5 with a CRF, 72.5
with FCN-8s and a CRF (EDeconvNet+CRF). It states none on val. Ours: not run
yet. Cost: unknown; 20 000 steps of 64 crops of 224x224, then 40 000.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/deconvnet_voc \
      --config=configs/deconvnet_voc.py --config.pretrained.file=FILE

FILE is torchvision's VGG-16 with BatchNorm for ImageNet. The paper trains in
two stages, on boxes around objects and on proposals (EdgeBoxes); ours sees
crops of images, near ones first: `:stage=2` has smaller objects and starts from
`--config.pretrained.run`, the workdir of the first stage, or from the authors'
net as FILE. The rates, their periods and the batch are those of the authors'
solvers, 8 parts of 8.
"""

import ml_collections

from configs import common

STAGES = {1: (20_000, 9_000, (1.0, 2.5)), 2: (40_000, 10_000, (0.5, 1.5))}
"""Steps, steps between divisions of the rate by 10, and our scales."""


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, stage=1, smoke=False)
  if arg.stage not in STAGES:
    raise ValueError(f"stage is 1 or 2, not {arg.stage}")
  steps, period, scale = STAGES[arg.stage]
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(224, 224), scale=scale)
  config.preprocess = "caffe"
  config.model = dict(name="deconvnet.DeconvNet")
  config.backbone = dict(name="vgg.VGG", switches=True)
  config.norm = dict(name="BatchNorm")
  config.pretrained.source = (
      "torchvision/vgg16_bn" if arg.stage == 1 else "caffe/deconvnet_voc"
  )
  config.batch_size = 64
  config.accumulation_steps = 8
  config.optimizer = dict(name="sgd", momentum=0.9, weight_decay=5e-4)
  config.schedule = dict(
      name="exponential", peak=0.01, decay_rate=0.1, decay_steps=period
  )
  config.total_steps = steps
  config.eval = dict(every_steps=2000, batch_size=8)
  return common.smoke(config) if arg.smoke else config
