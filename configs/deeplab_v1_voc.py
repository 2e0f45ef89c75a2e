r"""DeepLab v1 on PASCAL VOC 2012 (Chen et al. 2015, arXiv:1412.7062, Table 1).

Paper: 62.25 % mIoU on val without the CRF, 67.64 with it (Table 1a,
DeepLab-LargeFOV and DeepLab-CRF-LargeFOV). Ours: not run yet.
Cost: unknown; 6000 steps of 20 crops of 321x321.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/deeplab_v1_voc \
      --config=configs/deeplab_v1_voc.py --config.pretrained.file=FILE

FILE is torchvision's VGG-16 for ImageNet; the paper also starts fc6 and fc7
from VGG's, subsampled. Crop and number of steps are those of the authors' Caffe
files, the rest is Sec. 5. `:multi_scale` is DeepLab-MSc-LargeFOV (64.21, 68.70
with the CRF), whose added layers the paper trains alone, in a second run; here
all learn at once.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, multi_scale=False, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(321, 321), scale=(1.0, 1.0))
  config.preprocess = "imagenet"
  config.model = dict(name="deeplab_v1.DeepLabV1", multi_scale=arg.multi_scale)
  config.backbone = dict(
      name="vgg.VGG", pool_size=3, ceil_mode=True, output_stride=8
  )
  config.pretrained.source = "torchvision/vgg16"
  config.batch_size = 20
  config.optimizer = dict(
      name="sgd",
      momentum=0.9,
      weight_decay=5e-4,
      factors=(("^classifier/", 10.0),),
  )
  # The last layer's rate is 0.01.
  config.schedule = dict(
      name="exponential", peak=0.001, decay_rate=0.1, decay_steps=2000
  )
  config.total_steps = 6000
  config.eval = dict(every_steps=1000, multiple=8)
  return common.smoke(config) if arg.smoke else config
