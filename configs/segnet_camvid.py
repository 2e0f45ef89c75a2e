r"""SegNet on CamVid, 11 classes (Badrinarayanan et al. 2017, arXiv:1511.00561, Table 2).

Paper: 60.1 % mIoU on test, 90.4 % of the pixels and 71.2 % per class, of a net
trained on 3433 scenes of several data sets (Table 2, 140 000 steps); it states
none of SegNet trained on CamVid alone. Ours: not run yet.
Cost: unknown; 40 000 steps of 5 frames of 360x480.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR
  python -m experiments.train --workdir=runs/segnet_camvid \
      --config=configs/segnet_camvid.py --config.pretrained.file=FILE

FILE is torchvision's VGG-16 with BatchNorm for ImageNet. Whole frames, a fixed
rate of 0.001, a momentum of 0.9, batches of 5 (Sec. 4) and balanced classes
(Sec. 4.1). 40 000 steps, more than 100 epochs, and the weight decay are those of
the authors' solver.
"""

import ml_collections

from configs import common

WEIGHTS = (
    *(0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826),
    *(9.6446, 1.8418, 0.6823, 6.2478, 7.3614),
)
"""Median-frequency balancing (Sec. 3.2), as the authors' net has it."""


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="camvid", train="train", eval="validation")
  config.augment = dict(crop=(360, 480), scale=(1.0, 1.0), flip=False)
  config.model = dict(name="segnet.SegNet")
  config.backbone = dict(name="vgg.VGG", ceil_mode=True, switches=True)
  config.norm = dict(name="BatchNorm")
  config.pretrained.source = "torchvision/vgg16_bn"
  config.loss.weights = WEIGHTS
  config.batch_size = 5
  config.optimizer = dict(name="sgd", momentum=0.9, weight_decay=5e-4)
  config.schedule = dict(name="constant", peak=0.001)
  config.total_steps = 40_000
  config.eval = dict(every_steps=1000, batch_size=4, multiple=8)
  return common.smoke(config) if arg.smoke else config
