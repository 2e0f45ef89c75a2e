r"""DilatedNet on PASCAL VOC 2012 (Yu 2016, arXiv:1511.07122, Tables 2 and 3).

Paper: 67.6 % mIoU on test for the front end trained on VOC alone (Sec. 4); with
COCO 69.8 on val, 71.3 with the basic and 72.1 with the large context module
(Table 3). Ours: not run yet.
Cost: unknown; 60 000 steps of 14 crops, 500x500 with their margins.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/dilated_voc \
      --config=configs/dilated_voc.py --config.pretrained.file=FILE

FILE is torchvision's VGG-16 for ImageNet. Batch, learning rate, momentum and
steps are Sec. 4's, the crop is that of the authors' training page.
`:context=large` and `:context=basic` add a context module. The paper trains it
on the scores of a front end that is ready; here both learn at once, with a loss
on either's scores.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, context="none", smoke=False)
  if arg.context not in ("none", "basic", "large"):
    raise ValueError(f"context is none, basic or large, not {arg.context}")
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  # 372 pixels of margin and 16 features, the first on the first pixel.
  config.augment = dict(crop=(121, 121), scale=(1.0, 1.0))
  config.model = dict(
      name="dilated.DilatedNet",
      context=None if arg.context == "none" else arg.context,
  )
  config.backbone = dict(
      name="vgg.VGG",
      first_padding=0,
      padding=False,
      ceil_mode=True,
      output_stride=8,
      dense_pools=False,
  )
  config.pretrained.source = "torchvision/vgg16"
  config.batch_size = 14
  config.optimizer = dict(name="sgd", momentum=0.9, weight_decay=5e-4)
  if arg.context != "none":
    config.loss.aux = dict(frontend=1.0)
  config.schedule = dict(name="constant", peak=0.001)
  config.total_steps = 60_000
  config.eval = dict(every_steps=5000, batch_size=2, multiple=8)
  return common.smoke(config) if arg.smoke else config
