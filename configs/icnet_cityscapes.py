r"""ICNet on Cityscapes (Zhao et al. 2018, arXiv:1704.08545, Sec. 4).

Paper: 67.7 % mIoU on val; 69.5 on test, after 90 000 steps on train and val.
Ours: not run yet. Cost: unknown; 30 000 steps of 16 crops of 801x801.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/icnet_cityscapes \
      --config=configs/icnet_cityscapes.py:width=64 \
      --config.pretrained.file=FILE

FILE is Gluon's ResNet-50 C for ImageNet. The paper trains the full network
(`:width=64`), halves its kernels in steps and trains the rest on; that
compression is not here, and without an option it is the half network from the
start. The paper does not state the crop; 801 is a size that aligned corners
fit. The guidance is at the size of the image, with the weight 0.4.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, width=32, smoke=False)
  if arg.width not in (32, 64):
    raise ValueError(f"width is {arg.width}; possible are 32 and 64")
  config = common.defaults()
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment = dict(crop=(801, 801), scale=(0.5, 2.0))
  config.model = dict(name="icnet.ICNet")
  config.backbone = dict(
      name="segjax.models.icnet.CascadeResNet",
      width=arg.width,
      deep_stem=(32, 32, 64),
  )
  if arg.width == 64:
    config.backbone.stride_first = False
    config.pretrained.source = "timm/resnet50c"
  config.loss.aux = dict(low=0.4, medium=0.4)
  config.batch_size = 16
  config.optimizer = dict(name="sgd", momentum=0.9, weight_decay=1e-4)
  config.schedule = dict(name="poly", peak=0.01, power=0.9)
  config.total_steps = 30_000
  config.precision = "bfloat16"
  config.eval = dict(every_steps=3000, batch_size=4)
  return common.smoke(config) if arg.smoke else config
